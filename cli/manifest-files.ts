/** The objects of `-f` arguments: files, folders, or `-` for standard input; YAML documents or JSON. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseAllDocuments } from 'yaml';
import { CommandError, UsageError } from './errors.ts';
import { messageOf } from '../kube/message.ts';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; [key: string]: unknown };
  [key: string]: unknown;
}

/** Throws `CommandError` naming the file and what is wrong with it. */
export async function readManifests(names: readonly string[]): Promise<Manifest[]> {
  if (names.length === 0) throw new UsageError('name a file, a folder or - (standard input) with -f');
  const all: Manifest[] = [];
  for (const name of names) {
    for (const [source, content] of await contents(name)) all.push(...parse(source, content));
  }
  if (all.length === 0) throw new CommandError(`no objects found in ${names.join(', ')}`);
  return all;
}

async function contents(name: string): Promise<[source: string, content: string][]> {
  if (name === '-') return [['standard input', await text(process.stdin)]];
  try {
    if (!(await stat(name)).isDirectory()) return [[name, await readFile(name, 'utf8')]];
    const files = (await readdir(name)).filter((file) => /\.(ya?ml|json)$/.test(file)).sort();
    return await Promise.all(
      files.map(async (file): Promise<[string, string]> => [file, await readFile(join(name, file), 'utf8')]),
    );
  } catch (error) {
    throw new CommandError(`cannot read ${name}: ${messageOf(error)}`);
  }
}

function parse(source: string, content: string): Manifest[] {
  return parseAllDocuments(content).flatMap((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw new CommandError(`${source}: ${problem.message}`);
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return value === null ? [] : expand(source, value);
  });
}

function expand(source: string, value: unknown): Manifest[] {
  if (typeof value !== 'object' || value === null) throw new CommandError(`${source}: a document is not an object`);
  if ('kind' in value && value.kind === 'List' && 'items' in value && Array.isArray(value.items))
    return value.items.flatMap((item: unknown) => expand(source, item));
  if (!isManifest(value)) throw new CommandError(`${source}: an object needs apiVersion, kind and metadata.name`);
  return [value];
}

function isManifest(value: object): value is Manifest {
  if (!('apiVersion' in value && 'kind' in value && 'metadata' in value)) return false;
  const { apiVersion, kind, metadata } = value;
  return (
    typeof apiVersion === 'string' &&
    typeof kind === 'string' &&
    typeof metadata === 'object' &&
    metadata !== null &&
    'name' in metadata &&
    typeof metadata.name === 'string'
  );
}
