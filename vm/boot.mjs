// One virtual machine: starts it, tells it what to do, hears what it reports, and ends it.
//
// Two wires lead out of it. The console goes to a buffer whose tail explains what went wrong; reports are lines of
// JSON on a virtio-serial port, where no message of the kernel's can get between them.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const TAIL = 100;
// Debian 12's emulator (7.2) spoils the flags in cmpxchg16b, on which 6.12's allocator then stumbles: without that
// instruction the kernel does without it.
const CPU = "max,-cx16";
const seconds = (count) => count * 1000;
// The host may be busy: on an idle one the guest reports after 30 s.
const BOOT_LIMIT = seconds(300);

/** What the guest did instead of finishing. */
export class GuestError extends Error {}

export class Machine {
  #console = "";
  #qemu;
  #server;
  #directory;
  #interactive = false;

  constructor({ disk, kernel, initrd, runDisk }) {
    this.#directory = mkdtempSync(join(tmpdir(), "container-spawn-vm-"));
    this.socket = join(this.#directory, "reports");
    this.command = commandLine({ disk, kernel, initrd, runDisk, socket: this.socket });
    process.on("exit", this.#remove);
  }

  #remove = () => {
    this.#qemu?.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  };

  /** Sends `request`, and gives every report to `hear` until the guest says that it is done. */
  async run(request, { hear, limit, silence }) {
    const connected = this.#listen();
    this.#start();
    const timers = new Set();
    try {
      await new Promise((resolve, reject) => {
        const fail = (why) => reject(new GuestError(`${why}\n${this.tail()}`));
        const after = (ms, why) => timers.add(setTimeout(() => fail(why), ms));
        after(limit, `The guest was not done after ${limit / 1000} s.`);
        this.#qemu.on("error", (error) => fail(`qemu did not start: ${error.message}`));
        this.#qemu.on("exit", (code, signal) =>
          fail(`qemu ended before the guest was done: ${signal ?? code}`),
        );
        const quiet = setTimeout(() => fail("The guest did not report that it is up."), BOOT_LIMIT);
        timers.add(quiet);
        connected.then((wire) => {
          wire.write(`${JSON.stringify(request)}\n`);
          let watch = quiet;
          // An end of the connection is an end of qemu, which is told of elsewhere.
          const lines = createInterface({ input: wire }).on("error", () => {});
          lines.on("line", (line) => {
            clearTimeout(watch);
            timers.delete(watch);
            watch = setTimeout(() => fail(`The guest has said nothing for ${silence / 1000} s.`), silence);
            timers.add(watch);
            const report = JSON.parse(line);
            if (report.report === "done") resolve();
            else if (report.report === "broken") fail(`The runner in the guest failed: ${report.why}`);
            else hear(report);
          });
        }, reject);
      });
    } finally {
      for (const timer of timers) clearTimeout(timer);
      this.#qemu.removeAllListeners("exit");
    }
  }

  #listen() {
    return new Promise((resolve, reject) => {
      this.#server = createServer(resolve);
      this.#server.on("error", reject);
      this.#server.listen(this.socket);
    });
  }

  #start() {
    const [program, ...args] = this.command;
    this.#qemu = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    for (const output of [this.#qemu.stdout, this.#qemu.stderr]) {
      output.setEncoding("utf8").on("data", (text) => {
        this.#console = (this.#console + text).slice(-100_000);
        if (this.#interactive) process.stdout.write(text);
      });
    }
    this.#qemu.stdin.on("error", () => {});
  }

  /** Gives the console to the terminal until the guest is switched off. */
  async converse() {
    this.#interactive = true;
    process.stdin.setRawMode?.(true);
    process.stdin.pipe(this.#qemu.stdin, { end: false });
    this.#qemu.stdin.write("\n");
    if (this.#qemu.exitCode === null) await new Promise((resolve) => this.#qemu.on("exit", resolve));
    process.stdin.setRawMode?.(false);
    process.stdin.unref?.();
  }

  /** The last lines of the console. */
  tail() {
    const lines = this.#console.replaceAll("\r", "").trimEnd().split("\n").slice(-TAIL);
    return ["the console's last lines:", ...lines.map((line) => `  | ${line}`)].join("\n");
  }

  end() {
    this.#server?.close();
    this.#qemu?.stdin.destroy();
    process.off("exit", this.#remove);
    this.#remove();
  }
}

function commandLine({ disk, kernel, initrd, runDisk, socket }) {
  // `panic=-1` reboots at once, and qemu ends instead of rebooting.
  const kernelLine = "root=/dev/vda rw console=ttyS0 panic=-1 oops=panic systemd.show_status=0 quiet";
  return [
    // However this process ends, the machine does not outlive it.
    ["setpriv", "--pdeathsig", "KILL", "--"],
    ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", CPU, "-smp", "2", "-m", "2048"],
    ["-nodefaults", "-display", "none", "-no-reboot", "-nic", "none", "-serial", "stdio"],
    ["-kernel", kernel, "-initrd", initrd, "-append", kernelLine],
    ["-drive", `file=${disk},format=raw,if=virtio,snapshot=on,cache=unsafe`],
    ["-drive", `file=${runDisk},format=raw,if=virtio,readonly=on`],
    ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"],
    ["-chardev", `socket,id=reports,path=${socket}`],
    ["-device", "virtserialport,chardev=reports,name=reports"],
  ].flat();
}
