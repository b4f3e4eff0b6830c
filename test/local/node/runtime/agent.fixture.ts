/** A process that runs one container and waits to be killed. argv: FOLDER best|bare MARK */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../../kube/clock.ts';
import { candidates } from '../../../../local/node/runtime/process/machine.ts';
import { ProcessRuntime } from '../../../../local/node/runtime/process/process-runtime.ts';

const [folder = '', kind, mark = ''] = process.argv.slice(2);
const isolation = kind === 'bare' ? candidates(false).find((one) => one.argv.length === 0) : undefined;
const runtime = await ProcessRuntime.open({ folder, clock: systemClock, isolation });
const scratch = join(folder, 'scratch');
mkdirSync(scratch);
await runtime.start({
  podUid: 'uid',
  name: 'main',
  argv: ['sh', '-c', `setsid sleep ${mark} & sleep ${mark}`],
  env: { PATH: process.env.PATH ?? '' },
  imageFolder: undefined,
  workingDir: '/',
  mounts: [],
  scratch,
  hosts: '',
  hostname: 'pod',
});
setInterval(() => undefined, 1e6);
