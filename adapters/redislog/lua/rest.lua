-- The end of the function rest. Few runs of amend.lua need the files in it. Each run of a script
-- costs time for each function outside of others, so the files before this one are inside of
-- rest.
return {
  open = open, answer = answer, note = note, userkey = userkey, eraser = eraser, grow = grow,
  mortal = mortal, finish = finish,
}
