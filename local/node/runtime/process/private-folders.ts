/**
 * Folders of the root that are a container's own, made while its shell is warmed: /dev, where it leaves its last words,
 * and /run down to where it finds its service account. What the host has there is bound in, one entry at a time (an
 * overlay would cut off sockets and, in a user namespace, devices), so nothing is made on the host.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bindLine } from './mount-table.ts';

export interface PrivateFolders {
  /** Lines of fstab(5). */
  readonly table: string;
  /** What /dev/termination-log shows inside. */
  readonly terminationLog: string;
  /** What its service account's folder shows inside, where it cannot be written to. */
  readonly account: string;
}

export const TERMINATION_LOG = '/dev/termination-log';
export const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

const EVERYBODY = 0o006;

/** Of this machine: folders that a container has to itself, in which mount points can be made without the host's knowing. */
export function privateFolders(): ReadonlySet<string> {
  const folders = new Set(['/dev']);
  const run = runFolder();
  for (let folder = join(run, ACCOUNT_BELOW_RUN); folder.startsWith(run); folder = dirname(folder)) folders.add(folder);
  return folders;
}

const ACCOUNT_BELOW_RUN = ACCOUNT_FOLDER.slice('/var/run/'.length);

/** Fills a folder of a container's own and says what to mount. @throws the system's error when it cannot be filled */
export function makePrivateFolders(folder: string): PrivateFolders {
  const dev = join(folder, 'dev');
  const run = join(folder, 'run');
  const lines = mirror('/dev', dev, basename(TERMINATION_LOG), isForEverybody);
  const terminationLog = join(dev, basename(TERMINATION_LOG));
  writeFileSync(terminationLog, '');
  // Whoever the container runs as.
  chmodSync(terminationLog, 0o666);
  let [host, own] = [runFolder(), run];
  for (const name of ACCOUNT_BELOW_RUN.split('/')) {
    lines.push(...mirror(host, own, name));
    [host, own] = [join(host, name), join(own, name)];
  }
  const account = join(folder, 'account');
  for (const one of [own, account]) mkdirSync(one, { recursive: true });
  lines.push(bindLine(account, own, 'bind,ro'), bindLine(dev, '/dev', 'rbind'), bindLine(run, runFolder(), 'rbind'));
  return { table: lines.join('\n') + '\n', terminationLog, account };
}

/** Most machines have a link there. */
function runFolder(): string {
  try {
    return realpathSync('/var/run');
  } catch {
    return '/run';
  }
}

/** @param except the entry that is the container's own */
function mirror(host: string, own: string, except: string, takes: (stat: Stats) => boolean = () => true): string[] {
  mkdirSync(own, { recursive: true });
  const lines: string[] = [];
  for (const name of namesIn(host)) {
    const [from, to] = [join(host, name), join(own, name)];
    const stat = lstatSync(from, { throwIfNoEntry: false });
    if (name === except || stat === undefined || !takes(stat)) continue;
    if (stat.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
    // The kernel looks for terminals beside it, and beside a file that is bound alone there are none.
    else if (from === '/dev/ptmx' && existsSync('/dev/pts/ptmx')) symlinkSync('pts/ptmx', to);
    else {
      if (stat.isDirectory()) mkdirSync(to);
      else writeFileSync(to, '');
      // It may be gone when it is mounted.
      lines.push(bindLine(from, to, stat.isDirectory() ? 'rbind,nofail' : 'bind,nofail'));
    }
  }
  return lines;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Disks, consoles and the like are root's alone; a container's /dev has none of them. */
function isForEverybody(stat: Stats): boolean {
  return stat.isSymbolicLink() || stat.isDirectory() || (stat.mode & EVERYBODY) === EVERYBODY;
}
