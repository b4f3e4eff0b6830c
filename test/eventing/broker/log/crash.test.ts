import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { newFolder, openLog, readAll } from './open-log.ts';

const KILLS = 8;

t.test('SIGKILL under load: every acknowledged record is there, at its offset, and the log goes on', async (t) => {
  const folder = newFolder();
  const program = join(folder, 'appender.mjs');
  await build({
    entryPoints: ['test/eventing/broker/log/appender.ts'],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
  });
  const logFolder = join(folder, 'log');
  const acknowledged = new Map<number, number>();
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [program], {
      env: { ...process.env, NODE_OPTIONS: '', LOG_FOLDER: logFolder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let rest = '';
    const target = acknowledged.size + 150 + kill * 37;
    await new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const [number = 0, offset = 0] = line.split(' ').map(Number);
          acknowledged.set(offset, number);
        }
        if (acknowledged.size > target) child.kill('SIGKILL');
      });
      child.once('close', () => resolve());
    });
    const log = await openLog(logFolder);
    const held = new Map((await readAll(log)).map(({ offset, text }) => [offset, text]));
    await log.close();
    let missing = 0;
    for (const [offset, number] of acknowledged) if (!held.get(offset)?.startsWith(`record ${number} `)) missing++;
    t.equal(missing, 0, `after ${acknowledged.size} acknowledged records`);
  }
});
