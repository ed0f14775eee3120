"use strict";
// What a process runs in, and what can be done to all of it together.

const { CallSite, SpawnError, fromNative, invalid } = require("./errors.js");
const { Hold } = require("./events.js");
const { native } = require("./native.js");
const { described, isObject, typeProblem } = require("./problems.js");

const ESRCH = -3;

// What the rest of the package may do with a Container, and its owner may not.
let ended;
let lastStats;

class Container {
  // Properties of its own, so that they are seen wherever an object is shown or copied.
  pid;
  cgroup;
  isolation;

  #id;
  #hasEnded = false;
  #stats = null;
  #end;
  #settleEnd;

  static {
    ended = (container, stats) => container.#ended(stats);
    lastStats = (container) => container.#stats;
  }

  constructor(id, { pid, cgroup, isolation }) {
    this.#id = id;
    this.#end = new Promise((resolve) => {
      this.#settleEnd = resolve;
    });
    this.pid = pid;
    this.cgroup = cgroup;
    this.isolation = isolation;
    Object.freeze(this);
  }

  /** What it uses; after its end, what it had used by then. */
  async stats() {
    const site = new CallSite(Container.prototype.stats);
    this.#requireGroup("stats", site);
    const result = await this.#ask(() => native().containerStats(this.#id));
    if (result !== undefined) return answer(result, site).stats;
    await held(this.#end);
    if (this.#stats === null) throw site.mark(gone("its last stats could not be read"));
    return this.#stats;
  }

  /** Changes limits, all or none. The native side reads them, each once and at once. */
  async update(limit) {
    const site = new CallSite(Container.prototype.update);
    this.#requireGroup("update", site);
    if (!isObject(limit)) {
      throw site.mark(invalid([typeProblem("limit", `must be an object, not ${described(limit)}`)]));
    }
    await this.#change(site, () => native().containerUpdate(this.#id, limit));
  }

  /** Stops every process in it. */
  async pause() {
    const site = new CallSite(Container.prototype.pause);
    this.#requireGroup("pause", site);
    await this.#change(site, () => native().containerFreeze(this.#id, true));
  }

  /** Lets every process in it go on. */
  async resume() {
    const site = new CallSite(Container.prototype.resume);
    this.#requireGroup("resume", site);
    await this.#change(site, () => native().containerFreeze(this.#id, false));
  }

  /** Kills every process in it, and waits until none is left. */
  async kill() {
    const site = new CallSite(Container.prototype.kill);
    // A pid namespace ends with its pid 1.
    if (!this.isolation.namespaces.includes("pid")) this.#requireGroup("kill", site);
    const result = await this.#ask(() => native().containerKill(this.#id));
    if (result !== undefined) answer(result, site);
    await held(this.#end);
  }

  get [Symbol.toStringTag]() {
    return "Container";
  }

  [Symbol.for("nodejs.util.inspect.custom")](_depth, options, inspect) {
    return `Container ${inspect({ ...this }, options)}`;
  }

  #requireGroup(method, site) {
    if (this.cgroup !== null) return;
    throw site.mark(noCgroup(method));
  }

  async #change(site, call) {
    const result = await this.#ask(call);
    if (result === undefined) throw site.mark(gone("nothing is left of it"));
    answer(result, site);
  }

  /** What the native side answers; undefined when the process has ended, which it may know of before we do. */
  async #ask(call) {
    if (this.#hasEnded) return undefined;
    const result = await held(call());
    return result.error?.code === "ESRCH" ? undefined : result;
  }

  #ended(stats) {
    this.#hasEnded = true;
    this.#stats = stats ?? null;
    this.#settleEnd();
  }
}

function answer(result, site) {
  if (Object.hasOwn(result, "error")) throw site.mark(fromNative(result.error));
  return result;
}

/** Waits, and keeps the event loop alive meanwhile: whoever waits wants to hear of it, also of an unref'd process. */
async function held(promise) {
  const hold = new Hold();
  hold.set(true);
  try {
    return await promise;
  } finally {
    hold.set(false);
  }
}

function noCgroup(method) {
  const hint = 'give it one: `limit: { pids: "max" }`';
  const message = `ERR_NO_CGROUP: ${method}() needs a control group, and this container has none`;
  return new SpawnError(`${message}\n  hint    ${hint}`, { code: "ERR_NO_CGROUP", hint });
}

function gone(consequence) {
  const message = `ESRCH: the container has ended: ${consequence}`;
  return new SpawnError(message, { code: "ESRCH", errno: ESRCH });
}

module.exports = { Container, ended, lastStats };
