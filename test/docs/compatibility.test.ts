import { spawnSync } from 'node:child_process';
import t from 'tap';

t.test('the page on compatibility is what schemas, ConfigMaps and tests say', (t) => {
  const run = spawnSync(process.execPath, ['scripts/compatibility.mjs', '--check'], { encoding: 'utf8' });
  t.equal(run.status, 0, run.stderr);
  t.end();
});
