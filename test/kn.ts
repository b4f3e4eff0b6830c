/** Knative's own client: from ZEROTH_KN or PATH, else built once by `go install` into a cache, where Go and its module are to be had. */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGE = 'knative.dev/client/cmd/kn';
const CACHE = resolve('node_modules', '.cache', 'zeroth', 'kn');
/** To ask whether the module is to be had, and to build it. */
const ASK_TIME = 20_000;
const BUILD_TIME = 300_000;

/** The path of kn, or the reason why there is none here. */
export async function findKn(): Promise<{ path: string } | { missing: string }> {
  const given = process.env['ZEROTH_KN'];
  if (given !== undefined)
    return isExecutable(given) ? { path: given } : { missing: `ZEROTH_KN=${given} is no program` };
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = [...folders, CACHE].map((folder) => join(folder, 'kn')).find(isExecutable);
  if (found !== undefined) return { path: found };
  const version = process.env['ZEROTH_KN_VERSION'] ?? 'latest';
  try {
    // Quick where the module is not to be had.
    await run('go', ['list', '-m', `knative.dev/client@${version}`], { cwd: '/', timeout: ASK_TIME });
    mkdirSync(CACHE, { recursive: true });
    await run('go', ['install', `${PACKAGE}@${version}`], {
      env: { ...process.env, GOBIN: CACHE },
      timeout: BUILD_TIME,
    });
  } catch (error) {
    const [reason] = String((error as { stderr?: string }).stderr ?? error).split('\n');
    return {
      missing: `no kn: neither ZEROTH_KN nor PATH has it, and go install ${PACKAGE}@${version} failed: ${reason}`,
    };
  }
  return existsSync(join(CACHE, 'kn')) ? { path: join(CACHE, 'kn') } : { missing: 'go install left no kn' };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
