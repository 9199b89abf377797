-- The end of rest, which gives amend.lua what few of its runs need. Redis pays for each
-- function of a script in each run, so the files before this one are inside of it.
return {
  open = open, answer = answer, note = note, userkey = userkey, eraser = eraser, grow = grow,
  mortal = mortal, finish = finish,
}
