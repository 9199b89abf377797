package chat_test

// The tests in the files bad_*_test.go send what no good client sends. In each
// table a healthy member sits in the same room, and must notice nothing.
