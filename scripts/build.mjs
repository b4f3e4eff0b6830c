// Bundles the program into dist/ (one file a process kind plus shared chunks). Quick when nothing changed.
import { build } from 'esbuild';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

export const ENTRIES = {
  zeroth: 'cli/zeroth.ts',
  control: 'cli/control.ts',
  activator: 'serving/activator/main.ts',
  broker: 'eventing/broker/main.ts',
};

// CommonJS dependencies inside an ES module bundle need a require of their own.
export const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: ENTRIES,
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  sourcemap: false,
  legalComments: 'linked',
  chunkNames: 'chunks/[name]-[hash]',
  banner: { js: REQUIRE },
  logLevel: 'warning',
});
