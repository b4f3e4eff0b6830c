/** `zeroth get`: lists objects with the columns that the server gives. */
import type { Json } from '../api/object.ts';
import { resourcePath, type ResourceType } from '../api/resource.ts';
import { CLUSTER_FLAGS, connect } from './cluster.ts';
import { columns } from './columns.ts';
import { UsageError } from './errors.ts';
import { isObject } from './json.ts';
import { findKind } from './kinds.ts';
import type { Verb } from './verb.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

export const get: Verb = {
  name: 'get',
  summary: 'Show objects.',
  usage: 'KIND [NAME] [-n NS | -A] [-o yaml|json|name]',
  flags: {
    ...CLUSTER_FLAGS,
    'all-namespaces': { type: 'boolean', short: 'A', help: 'objects of all namespaces' },
    output: { type: 'string', short: 'o', help: 'FORM|yaml, json or name instead of a table' },
  },
  examples: ['zeroth get ksvc', 'zeroth get revisions -A', 'zeroth get trigger orders -o yaml'],
  positionals: [1, 2],
  async run(args) {
    const [word = '', name] = args.positionals;
    const output = args.text('output');
    if (output !== undefined && !['yaml', 'json', 'name'].includes(output))
      throw new UsageError(`-o takes yaml, json or name, not "${output}"`);
    const cluster = connect(args);
    const type = await findKind(cluster, word);
    const everywhere = args.flag('all-namespaces');
    const path = resourcePath(type, everywhere ? undefined : cluster.namespace, name);
    const answer = await cluster.send({ path, accept: output === undefined ? TABLE : 'application/json' });
    if (output === undefined) printTable(answer, everywhere && type.namespaced, cluster.namespace);
    else if (output === 'name')
      for (const item of itemsOf(answer)) process.stdout.write(`${qualified(type)}/${nameIn(item)}\n`);
    else if (output === 'json') process.stdout.write(JSON.stringify(answer, undefined, 2) + '\n');
    else process.stdout.write((await import('yaml')).stringify(answer));
    return 0;
  },
};

function qualified(type: ResourceType): string {
  return type.group === '' ? type.kind.toLowerCase() : `${type.kind.toLowerCase()}.${type.group}`;
}

function printTable(table: Json, withNamespace: boolean, namespace: string): void {
  if (!isObject(table)) return;
  const defined = list(table['columnDefinitions']).map((column, index) => ({ column, index }));
  const shown = defined.filter(({ column }) => (column['priority'] ?? 0) === 0);
  const rows = list(table['rows']).map((row) => {
    const cells = Array.isArray(row['cells']) ? row['cells'] : [];
    const object = row['object'];
    return [
      ...(withNamespace && isObject(object) && isObject(object['metadata'])
        ? [cell(object['metadata']['namespace'])]
        : []),
      ...shown.map(({ index }) => cell(cells[index])),
    ];
  });
  if (rows.length === 0) {
    process.stderr.write(withNamespace ? 'No resources found\n' : `No resources found in ${namespace} namespace.\n`);
    return;
  }
  const head = [
    ...(withNamespace ? ['NAMESPACE'] : []),
    ...shown.map(({ column }) => cell(column['name']).toUpperCase()),
  ];
  process.stdout.write(columns(head, rows));
}

function cell(value: Json | undefined): string {
  if (value === undefined || value === null || value === '') return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function itemsOf(answer: Json): Json[] {
  return isObject(answer) && Array.isArray(answer['items']) ? answer['items'] : [answer];
}

function nameIn(item: Json): string {
  return isObject(item) && isObject(item['metadata']) ? cell(item['metadata']['name']) : '';
}

function list(value: Json | undefined): { [key: string]: Json }[] {
  return Array.isArray(value) ? value.filter((item) => isObject(item)) : [];
}
