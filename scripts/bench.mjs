// Bundles bench/ and runs it. usage: npm run bench -- [start-up | apply-ready | cold-start | data-path | idle | broker | control | soak ...] [--services N] [--rate R] [--idle S] [--minutes M] [--faults]
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './ensure-built.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
ensureBuilt();
const outfile = join('build', 'bench.mjs');
await build({
  entryPoints: ['bench/main.ts'],
  outfile,
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(status ?? 1);
