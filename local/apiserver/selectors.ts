/** Label and field selectors as predicates. Source: Kubernetes "Labels and Selectors", "Field Selectors". */
import type { KubeObject } from '../../api/object.ts';
import { badRequest } from './errors.ts';
import { isObject } from './json.ts';
import { storageOf, type KindInfo } from './registry.ts';

export interface Selection {
  /** Nothing was asked for: everything matches. */
  readonly all: boolean;
  matches(object: KubeObject): boolean;
}

type Predicate = (object: KubeObject) => boolean;

/** @throws ApiError 400 for a selector that cannot be parsed, or a field the kind does not offer */
export function parseSelection(info: KindInfo, labels: string | undefined, fields: string | undefined): Selection {
  const predicates = [...parseLabels(labels ?? ''), ...parseFields(info, fields ?? '')];
  return { all: predicates.length === 0, matches: (object) => predicates.every((matches) => matches(object)) };
}

const KEY = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const REQUIREMENT =
  /^\s*(?:(!)\s*([^\s=!<>(),]+)|([^\s=!<>(),]+)\s*(?:(==|=|!=|>|<)\s*([^\s=!<>(),]*)|\s(in|notin)\s*\(([^()]*)\)|))\s*$/;

function parseLabels(text: string): Predicate[] {
  if (text.trim() === '') return [];
  return splitOutsideParentheses(text).map((part) => {
    const match = REQUIREMENT.exec(part.replace(/^(\s*[^\s=!<>(),]+)\s*(in|notin)\s*\(/, '$1 $2 ('));
    if (match === null) throw badRequest(`unable to parse requirement: found '${part.trim()}', expected a selector`);
    const [, not, absent, key = absent ?? '', operator, value = '', setOperator, list = ''] = match;
    if (!KEY.test(key))
      throw badRequest(
        `unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: name part is invalid`,
      );
    if (not !== undefined) return (object) => labelOf(object, key) === undefined;
    if (setOperator !== undefined) {
      const values = new Set(list.split(',').map((one) => checkedValue(one.trim())));
      return setOperator === 'in'
        ? (object) => values.has(labelOf(object, key) ?? NONE)
        : (object) => !values.has(labelOf(object, key) ?? NONE);
    }
    switch (operator) {
      case undefined:
        return (object) => labelOf(object, key) !== undefined;
      case '!=':
        checkedValue(value);
        return (object) => labelOf(object, key) !== value;
      case '>':
      case '<': {
        if (!/^-?\d+$/.test(value))
          throw badRequest(
            `unable to parse requirement: values[0][${key}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
          );
        const bound = Number(value);
        return (object) => {
          const label = labelOf(object, key);
          if (label === undefined || !/^-?\d+$/.test(label)) return false;
          return operator === '>' ? Number(label) > bound : Number(label) < bound;
        };
      }
      default:
        checkedValue(value);
        return (object) => labelOf(object, key) === value;
    }
  });
}

/** No label value: it has a character labels cannot have. */
const NONE = '\0';

function labelOf(object: KubeObject, key: string): string | undefined {
  const labels = object.metadata.labels;
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function checkedValue(value: string): string {
  if (VALUE.test(value)) return value;
  throw badRequest(
    `unable to parse requirement: values[0]: Invalid value: ${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
  );
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)];
}

const EVENT_FIELDS = [
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'involvedObject.uid',
  'involvedObject.apiVersion',
  'involvedObject.resourceVersion',
  'involvedObject.fieldPath',
  'reason',
  'reportingComponent',
  'source',
  'type',
];

/** What each kind offers besides metadata.name and metadata.namespace. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '/pods': [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.podIPs',
    'status.nominatedNodeName',
  ],
  '/events': EVENT_FIELDS,
  '/secrets': ['type'],
  '/namespaces': ['status.phase', 'name'],
  '/nodes': ['spec.unschedulable'],
  '/services': ['spec.clusterIP', 'spec.type'],
  '/replicationcontrollers': ['status.replicas'],
  'apps/replicasets': ['status.replicas'],
  'batch/jobs': ['status.successful'],
};

function parseFields(info: KindInfo, text: string): Predicate[] {
  if (text.trim() === '') return [];
  return splitUnescaped(text).map((part) => {
    const match = /^([^=!]*?)(==|=|!=)(.*)$/s.exec(part);
    if (match === null) throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
    const [, name = '', operator, raw = ''] = match;
    const field = name.trim();
    const value = raw.replace(/\\([\\,=])/g, '$1');
    const read = fieldOf(info, field);
    return operator === '!=' ? (object) => read(object) !== value : (object) => read(object) === value;
  });
}

function fieldOf(info: KindInfo, field: string): (object: KubeObject) => string {
  if (field === 'metadata.name') return (object) => object.metadata.name;
  if (field === 'metadata.namespace') return (object) => object.metadata.namespace ?? '';
  const offered = info.custom?.selectable ?? FIELDS[storageOf(info)] ?? [];
  if (!offered.includes(field)) throw badRequest(`field label not supported: ${field}`);
  if (field === 'name') return (object) => object.metadata.name;
  if (field === 'source') return (object) => textAt(object, ['source', 'component']);
  if (field === 'status.successful') return (object) => textAt(object, ['status', 'succeeded']) || '0';
  if (field === 'spec.unschedulable' || field === 'spec.hostNetwork')
    return (object) => textAt(object, field.split('.')) || 'false';
  if (field === 'status.replicas') return (object) => textAt(object, field.split('.')) || '0';
  const path = field.split('.');
  return (object) => textAt(object, path);
}

function textAt(object: unknown, path: readonly string[]): string {
  let value = object;
  for (const part of path) value = isObject(value) ? value[part] : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function splitUnescaped(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)].filter((part) => part !== '');
}
