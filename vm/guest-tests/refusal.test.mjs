// What an ordinary user is told where a sysctl or AppArmor keeps it from making user namespaces; and, as the control,
// that it may make them where that one thing is otherwise.
import assert from "node:assert/strict";
import { it } from "node:test";
import { run, spawnError } from "../../__test__/helpers/run.mjs";

const refusing = process.env.CONTAINER_SPAWN_VM_REFUSING;

for (const namespace of [
  { user: true },
  { user: true, pid: true, mount: true },
  { user: true, network: true },
]) {
  const container = { namespace };
  const name = Object.keys(namespace).join(", ");

  it(`${name}: the hint names what refuses`, { skip: !refusing }, () => {
    const error = spawnError({ cmd: ["true"], container });
    assert.ok(error.hint?.includes(refusing), `the hint is "${error.hint}", of ${error.message}`);
  });

  it(`${name}: works where that allows it`, { skip: Boolean(refusing) }, async () => {
    assert.equal((await run(["true"], { container })).code, 0);
  });
}
