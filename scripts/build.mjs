// Bundles the program into dist/ (one file a process kind plus shared chunks). Quick when nothing changed.
import { build } from 'esbuild';
import { parseAllDocuments } from 'yaml';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

export const ENTRIES = {
  zeroth: 'cli/zeroth.ts',
  activator: 'serving/activator/main.ts',
  broker: 'eventing/broker/main.ts',
};

// CommonJS dependencies inside an ES module bundle need a require of their own.
export const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

// Built aside and put in place at the end, so that a running program never meets half of it.
const out = `dist.${process.pid}`;
await build({
  entryPoints: ENTRIES,
  outdir: out,
  bundle: true,
  splitting: true,
  // Its ES modules: of CommonJS, import() finds only a default export once it is in a chunk.
  alias: {
    yaml: join(root, 'node_modules/yaml/browser/index.js'),
    // A dependency of client-node asks for Node's own, which newer Nodes warn about at every start.
    punycode: 'punycode/punycode.js',
  },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: false,
  legalComments: 'linked',
  chunkNames: 'chunks/[name]-[hash]',
  banner: { js: REQUIRE },
  logLevel: 'warning',
});

await chmod(join(out, 'zeroth.js'), 0o755);

// The standing objects as JSON: parsing their YAML would cost `zeroth up` a tenth of a second.
const manifests = Object.fromEntries(['crds', 'core', 'local'].map((folder) => [folder, objectsOf(folder)]));
await writeFile(join(out, 'manifests.json'), JSON.stringify(manifests));
await rm('dist', { recursive: true, force: true });
await rename(out, 'dist');

function objectsOf(folder) {
  return readdirSync(join('config', folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .flatMap((name) => parseAllDocuments(readFileSync(join('config', folder, name), 'utf8')))
    .map((document) => document.toJS())
    .filter((object) => object !== null);
}
