// Builds the suite's tests and the programs of its test images, into a cache; what stands there is not built again.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';

/** @returns {Promise<string>} path of the package's test program */
export async function buildTest(source, name) {
  const folder = join(source.cache, 'tests');
  const target = join(folder, `${name.replaceAll('/', '-')}.test`);
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true });
  await go(source, ['test', '-c', '-tags', 'e2e', '-o', `${target}.new`, `./test/${name}`]);
  renameSync(`${target}.new`, target);
  return target;
}

/** @returns {Promise<Map<string, string>>} name of an image → folder that holds its program alone */
export async function buildImages(source) {
  const folder = join(source.cache, 'images');
  if (!existsSync(folder)) {
    const fresh = `${folder}.${process.pid}`;
    const found = mainPackages(join(source.folder, 'test', 'test_images'));
    for (const [name, path] of found) {
      mkdirSync(join(fresh, name), { recursive: true });
      await go(source, ['build', '-trimpath', '-o', join(fresh, name, name), path], { CGO_ENABLED: '0' });
    }
    renameSync(fresh, folder);
  }
  return new Map(readdirSync(folder).map((name) => [name, join(folder, name)]));
}

/** Folders that hold Go files, below those of test images that have none of their own; tools of an image are none. */
function mainPackages(folder) {
  const found = new Map();
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    if (readdirSync(path).some((name) => name.endsWith('.go'))) found.set(basename(path), path);
    else for (const [name, inner] of mainPackages(path)) found.set(name, inner);
  }
  return found;
}

function go(source, args, env = {}) {
  const vendored = existsSync(join(source.folder, 'vendor', 'modules.txt'));
  const flags = vendored ? '-mod=vendor' : '-mod=readonly';
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, {
      cwd: source.folder,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, GOFLAGS: flags, ...env },
    });
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`go ${args[0]} ${args.at(-1)} failed (${code})`)),
    );
  });
}
