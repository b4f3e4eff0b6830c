/** How a folder is started: Procfile, package.json, its only executable, or a server file; in this order. */
import { NodeError } from '../errors.ts';
import { commandOf, splitWords } from './command-line.ts';

/** What the decision needs of the folder's top level. */
export interface FolderView {
  /** Text of a file at the top, undefined when there is none. */
  readonly read: (name: string) => string | undefined;
  /** Names of regular files at the top that are executable. */
  readonly executables: readonly string[];
  readonly has: (path: string) => boolean;
}

/**
 * @param folder for the message only
 * @throws NodeError NoStartCommand
 */
export function startCommand(folder: string, view: FolderView): string[] {
  return (
    fromProcfile(view.read('Procfile')) ??
    fromPackage(view.read('package.json'), view, folder) ??
    fromExecutables(view.executables) ??
    fromServerFile(view) ??
    fail(folder, view)
  );
}

function fromProcfile(text: string | undefined): string[] | undefined {
  const line = /^web:[ \t]*(\S.*)$/m.exec(text ?? '')?.[1]?.trim();
  return line === undefined ? undefined : commandOf(line);
}

function fromPackage(text: string | undefined, view: FolderView, folder: string): string[] | undefined {
  if (text === undefined) return undefined;
  const scripts = scriptsOf(text, folder);
  const { start } = scripts;
  if (start === undefined) return undefined;
  // npm costs a third of a second and a process that stays: only where it does something.
  const words = scripts.prestart === undefined && scripts.poststart === undefined ? splitWords(start) : undefined;
  const [program, ...rest] = words ?? [];
  if (program === 'node') return ['node', ...rest];
  if (program !== undefined && view.has(`node_modules/.bin/${program}`))
    return [`./node_modules/.bin/${program}`, ...rest];
  return ['npm', 'start', '--silent'];
}

function scriptsOf(text: string, folder: string): Record<string, string | undefined> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new NodeError('NoStartCommand', `${folder}/package.json is not JSON: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || !('scripts' in parsed)) return {};
  const { scripts } = parsed;
  if (typeof scripts !== 'object' || scripts === null) return {};
  return Object.fromEntries(Object.entries(scripts).filter(([, value]) => typeof value === 'string'));
}

function fromExecutables(names: readonly string[]): string[] | undefined {
  return names.length === 1 ? [`./${names[0] ?? ''}`] : undefined;
}

function fromServerFile(view: FolderView): string[] | undefined {
  for (const [name, program] of [
    ['server.js', 'node'],
    ['server.mjs', 'node'],
    ['server.py', 'python3'],
  ] as const)
    if (view.has(name)) return [program, name];
  return undefined;
}

function fail(folder: string, view: FolderView): never {
  const many =
    view.executables.length > 1 ? ` (it has ${view.executables.length} executables: name one in a Procfile)` : '';
  throw new NodeError(
    'NoStartCommand',
    `cannot tell how to start ${folder}: add a Procfile with a line "web: COMMAND", a start script in package.json, ` +
      `one executable, or server.js, server.mjs or server.py${many}`,
  );
}
