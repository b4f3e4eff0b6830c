// The autoscaler's replay and its oracle as a module that plain Node can import.
import { build } from 'esbuild';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** @returns {Promise<{ simulate: Function, expectedOf: Function, SCENARIOS: readonly object[] }>} */
export async function loadReplay() {
  const dir = await mkdtemp(join(tmpdir(), 'autoscaling-'));
  try {
    const outfile = join(dir, 'replay.mjs');
    await build({
      stdin: {
        contents: [
          "export * from './serving/autoscaler/simulate.ts';",
          "export * from './serving/autoscaler/scenarios.ts';",
          "export * from './test/serving/autoscaler/oracle.ts';",
        ].join('\n'),
        resolveDir: root,
        loader: 'ts',
      },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(dir, { recursive: true });
  }
}
