import { spawnSync } from 'node:child_process';
import t from 'tap';

void t.test('the plot in docs/ shows what the code does', (t) => {
  const run = spawnSync(process.execPath, ['scripts/autoscaling-plot.mjs', '--check'], { encoding: 'utf8' });
  t.equal(run.status, 0, run.stderr);
  t.end();
});
