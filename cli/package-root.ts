/** Where this installation keeps its files: `dist/`, `config/`, `examples/`. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The nearest folder above this module that has a package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('zeroth is not installed whole: no package.json above its program files');
    folder = parent;
  }
  return folder;
}

/** A built program of dist/, such as `activator.js`. */
export function programFile(name: string): string {
  const path = join(packageRoot(), 'dist', name);
  if (!existsSync(path)) throw new Error(`${path} is missing; in a checkout, make it with: npm run build`);
  return path;
}
