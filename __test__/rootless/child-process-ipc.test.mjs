// Messages between `container-spawn/child_process` and programs of Node and Bun.
import assert from "node:assert/strict";
import net from "node:net";
import { describe, it } from "node:test";
import { events, ours, table, thrown, told } from "../helpers/child-process.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { script } from "../helpers/script.mjs";

leaveNothing();

/** A program of the present runtime with a channel. */
function program(api, source, options) {
  return api.spawn(process.execPath, ["-e", source], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    ...options,
  });
}

const echo = `
  process.on("message", (message) => {
    if (message === "bye") process.disconnect();
    else process.send({ got: message });
  });
  process.send("ready");`;

/** The messages that come until the channel is closed. */
function messages(child) {
  const seen = [];
  child.on("message", (message) => seen.push(message));
  return new Promise((resolve) => child.on("disconnect", () => resolve(seen)));
}

const next = (child, event) => new Promise((resolve) => child.once(event, resolve));

const values = ["text", 1, true, null, [1, [2]], { a: { b: "ä" } }, "", 0];

table("messages", [
  [
    "come and go, in order",
    async (api) => {
      const child = program(api, echo);
      const closed = events(child);
      const got = messages(child);
      const sent = values.map((value) => child.send(value));
      child.send("bye");
      const [first, ...rest] = await got;
      const order = (await closed).filter(([name]) => name !== "message");
      return [first, rest.map((message) => message.got), sent.every((result) => result === true), order];
    },
    ["ready", values, true, [["spawn"], ["disconnect"], ["exit", 0, null], ["close", 0, null]]],
  ],
  [
    "of 2 MiB",
    async (api) => {
      const child = program(api, echo);
      await next(child, "message");
      const large = "ä".repeat(1024 * 1024);
      child.send(large);
      const { got } = await next(child, "message");
      child.send("bye");
      await events(child);
      return got === large;
    },
    true,
  ],
  [
    "that come before anybody listens are kept",
    async (api) => {
      const child = program(api, 'process.send("early"); process.on("message", () => process.exit(0));');
      await next(child, "spawn");
      await new Promise((resolve) => setTimeout(resolve, 300));
      const message = await next(child, "message");
      child.send("go");
      await events(child);
      return message;
    },
    "early",
  ],
  [
    "of the last moment come before the end",
    async (api) => {
      const child = program(
        api,
        'for (let i = 0; i < 100; i++) process.send(i); process.send("x", () => process.exit(3));',
      );
      const seen = await events(child);
      return [seen.length, seen[1], seen[101], seen.at(-2)];
    },
    [105, ["message", 0, undefined], ["message", "x", undefined], ["exit", 3, null]],
    { better: true },
  ],
  [
    "advanced ones are structured clones",
    async (api) => {
      const child = program(api, echo, { serialization: "advanced" });
      const got = messages(child);
      child.send({ map: new Map([[1, "x"]]), date: new Date(0), bytes: new Uint8Array([1, 2]), big: 1n });
      child.send("bye");
      const { map, date, bytes, big } = (await got)[1].got;
      return [map.get(1), date.getTime(), [...bytes], big];
    },
    ["x", 0, [1, 2], 1n],
  ],
]);

table("the channel", [
  [
    "is there with ipc only",
    async (api) => {
      const child = api.spawn("true");
      await events(child);
      return [child.connected, child.send, child.disconnect, child.channel];
    },
    [false, undefined, undefined, undefined],
  ],
  [
    "has a number of its own, told in the environment",
    async (api) => {
      const source = "process.send([process.env.NODE_CHANNEL_FD ?? null, process.env.A]);";
      const stdio = ["ignore", "pipe", "inherit", "ignore", "ipc"];
      const child = program(api, source, { stdio, env: { A: "b", PATH: process.env.PATH } });
      const got = await messages(child);
      return [child.stdio.map(Boolean), got[0][1]];
    },
    [[false, true, false, false, false], "b"],
  ],
  [
    "says when a message is on its way",
    async (api) => {
      const child = program(api, echo);
      const error = await new Promise((resolve) => child.send("x", resolve));
      child.send("bye", undefined, undefined, () => {});
      await events(child);
      return error;
    },
    null,
  ],
  [
    "can be closed from here, once",
    async (api) => {
      const child = program(api, echo);
      const seen = [];
      for (const event of ["error", "disconnect", "exit"]) {
        child.on(event, (error) => seen.push(error instanceof Error ? error.message : event));
      }
      await next(child, "message");
      child.disconnect();
      const after = [child.connected, child.channel];
      child.disconnect();
      const sent = child.send("late");
      const error = await new Promise((resolve) => child.send("late", resolve));
      // Node never says "close" then.
      await next(child, "exit");
      return [after, sent, error.code, seen];
    },
    [
      [false, null],
      false,
      "ERR_IPC_CHANNEL_CLOSED",
      ["IPC channel is already disconnected", "disconnect", "Channel closed", "exit"],
    ],
  ],
  [
    "closed from here lets the child close",
    async (api) => {
      const child = program(api, echo);
      await next(child, "message");
      child.disconnect();
      return (await events(child)).at(-1);
    },
    ["close", 0, null],
    { better: true },
  ],
  [
    "refuses what is no message",
    async (api) => {
      const child = program(api, echo);
      const refused = [undefined, () => {}, Symbol("x")].map((value) => thrown(() => child.send(value)).code);
      child.send("bye");
      await events(child);
      return refused;
    },
    ["ERR_MISSING_ARGS", "ERR_INVALID_ARG_TYPE", "ERR_INVALID_ARG_TYPE"],
  ],
  [
    "to a command that was not started closes",
    async (api) => {
      const child = api.spawn("no-such-command-1", { stdio: ["pipe", "pipe", "pipe", "ipc"] });
      const disconnected = next(child, "disconnect");
      const before = child.connected;
      await next(child, "error");
      await disconnected;
      return [before, child.connected, child.channel];
    },
    [true, false, null],
  ],
]);

describe("a channel of ours", () => {
  it("sends no handles, and says so", async () => {
    const child = program(ours, echo);
    const closed = events(child);
    assert.equal(thrown(() => child.send("x", new net.Socket())).code, "ERR_INVALID_HANDLE_TYPE");
    child.send("bye");
    await closed;
  });

  it("is closed by what is no message, with an error", async () => {
    const child = ours.spawn("/bin/sh", ["-c", "echo no json >&3; exec sleep 60"], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const error = await next(child, "error");
    assert.equal(told(error).code, "ERR_IPC_FORMAT");
    assert.equal(child.connected, false);
    child.kill();
    await events(child);
  });

  const modulePath = new URL("../../child_process.js", import.meta.url).pathname;
  const start = `
    const cp = createRequire(import.meta.url)(given);
    const source = "process.on('message', () => {}); setTimeout(() => process.send(1), 300); setTimeout(() => process.exit(), 5000).unref();";
    const child = cp.spawn(process.execPath, ["-e", source], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    child.unref();
    process.on("exit", () => child.kill("SIGKILL"));`;

  it("keeps the event loop alive, unless it is unref'd", async () => {
    const run = (body) => script(`${start}${body}`, { given: modulePath, timeout: 20_000 });
    assert.equal(await run('child.on("message", () => { say("seen"); child.disconnect(); });'), "seen");
    assert.equal(
      await run('child.channel.unref(); child.on("message", () => say("seen")); say("gone");'),
      "gone",
    );
  });

  it("counts those who use it", async () => {
    const child = program(ours, echo);
    const { channel } = child;
    const unrefed = next(channel, "unref");
    channel.refCounted();
    channel.unrefCounted();
    await unrefed;
    child.send("bye");
    await events(child);
  });
});
