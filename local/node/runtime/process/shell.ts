/**
 * The program that turns itself into a container's: a shell that stands in the container's namespaces already and reads
 * from its stdin, line by line, what to become. The script is constant; what it reads is data and never parsed as
 * shell. Since it can wait for its orders, the namespaces are made before a pod needs them.
 * See docs/decisions/pods-as-processes.md.
 */

import { LOOPBACK_UP, type Isolation } from './machine.ts';
import type { MountPoint } from './mount-table.ts';

/** Stands for a newline inside a line; a text that holds it cannot be passed on. */
const NEWLINE_MARK = '\u0001';

/** Names that a shell keeps for itself or that are no shell names: passed through env(1). */
const SHELL_OWN = new Set(['PPID', 'UID', 'EUID', 'BASHOPTS', 'SHELLOPTS', 'BASH_VERSINFO', 'BASHPID', 'GROUPS']);
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What the shell itself has to say of the program's end (`Terminated`) is not for the program's log. */
const RUN_AS_CHILD = 'exec 9>&2 2> /dev/null; ( exec 2>&9 9>&-; exec "$@" < /dev/null ); exit $?';

/**
 * $1: an fstab(5) of what every container has of its own; $2: a file that tells of a failure to set up (its text is the reason). In a process namespace the
 * shell stays as process 1 and waits: the kernel would keep default actions of signals from a program in that place.
 */
export function shellScript({
  mountNamespace,
  pidNamespace,
}: Pick<Isolation, 'mountNamespace' | 'pidNamespace'>): string {
  return `
_zf=$2
_zx() { echo "$1" > "$_zf"; exit 125; }
${mountNamespace ? 'mount -a -T "$1" 2> "$_zf" || exit 125; : > "$_zf"' : ''}
set --
while IFS= read -r _zl; do
  _zv=\${_zl#?}
  while :; do
    case $_zv in
      *${NEWLINE_MARK}*) _zv=\${_zv%%${NEWLINE_MARK}*}'
'\${_zv#*${NEWLINE_MARK}} ;;
      *) break ;;
    esac
  done
  case $_zl in
    a*) set -- "$@" "$_zv" ;;
    e*) export "$_zv" ;;
    p*) [ -e "$_zv" ] || mkdir -p "$_zv" 2> "$_zf" || exit 125 ;;
    f*) [ -e "$_zv" ] || { mkdir -p "\${_zv%/*}" && : > "$_zv"; } 2> "$_zf" || exit 125 ;;
    m*) mount -a -T "$_zv" 2> "$_zf" || exit 125 ;;
    c*) echo 0 > "$_zv" || _zx "cannot enter the control group" ;;
    n*) ${LOOPBACK_UP} 2> "$_zf" || exit 125 ;;
    h*) echo "$_zv" > /proc/sys/kernel/hostname ;;
    r*) cd "$_zv" 2> "$_zf" && pivot_root . . 2> "$_zf" && umount -l . 2> "$_zf" || exit 125 ;;
    d*) cd "$_zv" 2> "$_zf" || exit 125 ;;
    z) ${pidNamespace ? RUN_AS_CHILD : 'exec "$@" < /dev/null'} ;;
  esac
done
`;
}

/** The last of all orders: the shell becomes the program. */
export const RUN = 'z\n';

export interface Orders {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  /** Mount points to make in folders of the container's own. */
  readonly mountPoints?: readonly MountPoint[];
  /** An fstab(5) of what to mount first. */
  readonly mountTable?: string;
  /** A folder to make the root. */
  readonly root?: string;
  /** A cgroup.procs file to enter. */
  readonly controlGroup?: string;
  readonly hostname?: string;
  /** The shell stands in a network of its own. */
  readonly ownNetwork?: boolean;
}

/** Lines that end with {@link RUN}. @throws Error when a text cannot be an argument or a variable of a process */
export function encodeOrders(orders: Orders): string {
  const odd: string[] = [];
  const exported: string[] = [];
  for (const [name, value] of Object.entries(orders.env)) {
    if (SHELL_NAME.test(name) && !SHELL_OWN.has(name) && !name.startsWith('_z')) exported.push(`${name}=${value}`);
    else odd.push(`${name}=${value}`);
  }
  const program = orders.argv[0] ?? '';
  if (odd.length > 0 && program.includes('='))
    throw new Error(`cannot start ${JSON.stringify(program)}: its name holds "=" and so does its environment's way in`);
  const argv = odd.length > 0 ? ['/usr/bin/env', ...odd, ...orders.argv] : orders.argv;
  const lines: string[] = [];
  const line = (kind: string, text: string | undefined): void => {
    if (text !== undefined) lines.push(kind + encode(text));
  };
  line('c', orders.controlGroup);
  line('n', orders.ownNetwork === true ? '' : undefined);
  line('h', orders.hostname);
  for (const { path, isFolder } of orders.mountPoints ?? []) line(isFolder ? 'p' : 'f', path);
  line('m', orders.mountTable);
  line('r', orders.root);
  line('d', orders.workingDir);
  for (const argument of argv) line('a', argument);
  for (const variable of exported) line('e', variable);
  return `${lines.join('\n')}\n${RUN}`;
}

function encode(text: string): string {
  if (text.includes('\0') || text.includes(NEWLINE_MARK))
    throw new Error('an argument or variable holds the character U+0000 or U+0001');
  return text.replaceAll('\n', NEWLINE_MARK);
}
