/** Finds out, once at start, what this machine lets us put around a process. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ACCOUNT_FOLDER, makePrivateFolders, TERMINATION_LOG } from './private-folders.ts';

/** The programs that stand before a container's own, outermost first, and what they give it. */
export interface Isolation {
  readonly argv: readonly string[];
  /** The kernel kills it when this process dies. */
  readonly deathSignal: boolean;
  /** Its processes live in a namespace of their own and end with the first of them. */
  readonly pidNamespace: boolean;
  readonly mountNamespace: boolean;
  /** It sees itself as user 0, mapped to the user of this process. */
  readonly userNamespace: boolean;
  /** Its host name is its own. */
  readonly utsNamespace: boolean;
  /** Its image can be given a layer that takes its writes. */
  readonly overlay: boolean;
  /** It has /dev and /run to itself. */
  readonly privateFolders: boolean;
  /** It can be given a network of its own. */
  readonly networkNamespace: boolean;
}

const DEATH = ['setpriv', '--pdeathsig', 'KILL', '--'];
const NAMESPACES = ['--mount', '--propagation', 'slave', '--pid', '--fork', '--kill-child'];

/** Best first; each is tried with a real bind mount and the first that works is taken. */
export function candidates(root: boolean): Isolation[] {
  const tried = { overlay: false, networkNamespace: false, privateFolders: false };
  const full = { ...tried, deathSignal: true, pidNamespace: true, mountNamespace: true };
  const user = ['--user', '--map-root-user'];
  const privileged: Isolation[] = [['--mount-proc'], []].map((proc) => ({
    ...full,
    argv: [...DEATH, 'unshare', '--uts', ...NAMESPACES, ...proc, '--'],
    userNamespace: false,
    utsNamespace: true,
  }));
  const unprivileged: Isolation[] = [['--mount-proc'], []].map((proc) => ({
    ...full,
    argv: [...DEATH, 'unshare', ...user, ...NAMESPACES, ...proc, '--'],
    userNamespace: true,
    utsNamespace: false,
  }));
  const bare = {
    pidNamespace: false,
    mountNamespace: false,
    userNamespace: false,
    utsNamespace: false,
    ...tried,
  };
  return [
    ...(root ? privileged : []),
    ...unprivileged,
    { ...bare, argv: DEATH, deathSignal: true },
    { ...bare, argv: [], deathSignal: false },
  ];
}

/**
 * @param folder where containers will live, so that the trial mounts stand on the same file system
 * @param root whether to try what needs root
 */
export async function detectIsolation(folder: string, root = process.getuid?.() === 0): Promise<Isolation> {
  const trial = await mkdtemp(join(folder, 'trial-'));
  try {
    const hosts = join(trial, 'hosts');
    await writeFile(hosts, 'trial\n');
    const options = candidates(root);
    for (const isolation of options) {
      if (!(await works(isolation, isolation.mountNamespace ? BIND : ':', hosts))) continue;
      if (!isolation.mountNamespace) return isolation;
      const [overlay, privateFolders, networkNamespace] = await Promise.all([
        overlayWorks(isolation, trial),
        privateFoldersWork(isolation, trial),
        works({ ...isolation, argv: withNetwork(isolation) }, LOOPBACK_UP, ''),
      ]);
      return { ...isolation, overlay, privateFolders, networkNamespace };
    }
    throw new Error('cannot run /bin/sh: no way to start a process was found');
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

const BIND = 'mount --bind "$1" /etc/hosts && read -r line < /etc/hosts && [ "$line" = trial ]';
const OVERLAY = 'cd "$1" && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work lower';

const PRIVATE = `mount -a -T "$1" && echo trial > ${TERMINATION_LOG} && : > /dev/null && test -d ${ACCOUNT_FOLDER}`;

/** In a new network not even loopback is up. */
export const LOOPBACK_UP = 'ip link set lo up';

/** The isolating programs with a network namespace more. */
export function withNetwork(isolation: Isolation): string[] {
  return isolation.argv.flatMap((word) => (word === 'unshare' ? [word, '--net'] : [word]));
}

export type Namespace = 'mnt' | 'pid' | 'uts' | 'net';

const FLAGS = { mnt: '--mount', pid: '--pid', uts: '--uts', net: '--net' } as const;

/** The program that enters namespaces of a process before it becomes another. */
export function enterNamespaces(isolation: Isolation, pid: number, namespaces: readonly Namespace[]): string[] {
  if (namespaces.length === 0) return [];
  const user = isolation.userNamespace ? ['--user', '--preserve-credentials'] : [];
  return ['nsenter', '--target', String(pid), ...user, ...namespaces.map((one) => FLAGS[one]), '--'];
}

async function overlayWorks(isolation: Isolation, trial: string): Promise<boolean> {
  for (const name of ['lower', 'upper', 'work']) await mkdir(join(trial, name));
  return works(isolation, OVERLAY, trial);
}

async function privateFoldersWork(isolation: Isolation, trial: string): Promise<boolean> {
  const table = join(trial, 'fstab');
  try {
    await writeFile(table, makePrivateFolders(join(trial, 'own')).table);
  } catch {
    return false;
  }
  return works(isolation, PRIVATE, table);
}

function works(isolation: Isolation, script: string, argument: string): Promise<boolean> {
  const [program = 'sh', ...args] = [...isolation.argv, 'sh', '-c', script, 'sh', argument];
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 5_000 }, (error) => resolve(error === null));
  });
}

export function limitsOf(isolation: Isolation): string[] {
  const limits: string[] = [];
  if (!isolation.mountNamespace)
    limits.push(
      'no mount namespaces (unshare needs root or unprivileged user namespaces): cluster names do not resolve inside ' +
        'pods, and volumes are found under $ZEROTH_VOLUMES instead of their mountPath',
    );
  else if (!isolation.overlay)
    limits.push('no overlay mounts here: what a program writes into its own folder stays in the image');
  if (!isolation.privateFolders)
    limits.push(
      'no private /dev and /run: termination messages are taken from logs only (terminationMessagePolicy: ' +
        'FallbackToLogsOnError), and service account tokens are not at their usual path',
    );
  if (!isolation.networkNamespace)
    limits.push(
      'no network namespaces (unshare --net, ip): a program that ignores $PORT runs only while its own port is free',
    );
  if (!isolation.pidNamespace)
    limits.push('no process namespaces: processes that leave their group are found by their environment only');
  if (!isolation.deathSignal)
    limits.push('setpriv (util-linux) is missing: a watchdog alone ends pods when zeroth is killed');
  if (isolation.userNamespace)
    limits.push('pods run in a user namespace: they see themselves as root, runAsUser is not applied');
  return limits;
}
