"use strict";

// Wider texts are left as they are: one long path must not move every line's origin out of sight.
const TEXT_WIDTH = 64;

/** What `explain` gives: the steps in order, and as text a table of them. */
class Plan {
  constructor(steps) {
    this.steps = steps;
  }

  toString() {
    const width = (key, least = 0) => Math.max(least, ...this.steps.map((step) => String(step[key]).length));
    const widths = { index: width("index", 2), lane: width("lane"), stage: width("stage") };
    const text = Math.min(width("text"), TEXT_WIDTH);
    return this.steps
      .map((step) => {
        const place = `${String(step.index).padStart(widths.index)}  ${step.lane.padEnd(widths.lane)}`;
        const what = `${step.stage.padEnd(widths.stage)}  ${step.text}`;
        if (step.option === null) return `${place}  ${what}`;
        return `${place}  ${what.padEnd(widths.stage + 2 + text)}  ← ${step.option}`;
      })
      .join("\n");
  }
}

module.exports = { Plan };
