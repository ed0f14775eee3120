"use strict";
// Mistakes in the options, in the words and the shape in which the native side reports them too.

/** As everywhere in the options: `undefined`, `null` and `false` ask for nothing. */
function isAsked(value) {
  return value !== undefined && value !== null && value !== false;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function described(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function typeProblem(option, message) {
  return { name: "TypeError", code: "ERR_INVALID_ARG_TYPE", option, message };
}

function valueProblem(option, message) {
  return { name: "TypeError", code: "ERR_INVALID_ARG_VALUE", option, message };
}

function rangeProblem(option, message) {
  return { name: "RangeError", code: "ERR_OUT_OF_RANGE", option, message };
}

function unknownProblem(option, message) {
  return { name: "TypeError", code: "ERR_UNKNOWN_OPTION", option, message };
}

module.exports = {
  described,
  isAsked,
  isObject,
  rangeProblem,
  typeProblem,
  unknownProblem,
  valueProblem,
};
