"use strict";
// The modes of a terminal, as termios(3) has them: [input, output, control, local] flags of Linux on x86-64 and arm64.

const INPUT = 0;
const OUTPUT = 1;
const CONTROL = 2;
const LOCAL = 3;

const [IGNBRK, BRKINT, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IXON] = [
  0o1, 0o2, 0o10, 0o40, 0o100, 0o200, 0o400, 0o2000,
];
const IUTF8 = 0o40000;
const OPOST = 0o1;
const [CSIZE, CS8, PARENB] = [0o60, 0o60, 0o400];
const [ISIG, ICANON, ECHO, ECHONL, IEXTEN] = [0o1, 0o2, 0o10, 0o100, 0o100000];

/** Nothing is changed or understood on its way, as cfmakeraw(3) has it. */
function raw([input, output, control, local]) {
  return [
    input & ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON),
    output & ~OPOST,
    (control & ~(CSIZE | PARENB)) | CS8,
    local & ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN),
  ];
}

/** A character that is erased is all of its bytes. */
function utf8([input, ...others]) {
  return [input | IUTF8, ...others];
}

module.exports = { CONTROL, INPUT, LOCAL, OUTPUT, raw, utf8 };
