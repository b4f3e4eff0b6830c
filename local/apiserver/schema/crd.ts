/** Defaulting and validation of CustomResourceDefinitions. Source: the apiextensions/v1 API reference. */
import type { CustomResourceDefinition } from '../../../api/core.ts';
import { dns1035Label, dns1123Subdomain } from './names.ts';
import { duplicate, invalid, notSupported, required, type FieldProblem } from './problems.ts';
import { ruleSetOf } from './rules.ts';
import { checkStructure } from './structure.ts';
import type { Schema } from './schema.ts';

type Spec = CustomResourceDefinition['spec'];
type Version = Spec['versions'][number];

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

/** @returns the same object when nothing was missing */
export function defaultCrd<T extends CustomResourceDefinition>(crd: T): T {
  const { spec } = crd;
  const { names } = spec ?? {};
  if (typeof names?.kind !== 'string') return crd;
  const singular = names.singular ?? names.kind.toLowerCase();
  const listKind = names.listKind ?? `${names.kind}List`;
  const conversion = spec.conversion ?? { strategy: 'None' };
  if (singular === names.singular && listKind === names.listKind && conversion === spec.conversion) return crd;
  return { ...crd, spec: { ...spec, names: { ...names, singular, listKind }, conversion } };
}

/**
 * @param crd with defaults filled in; its fields have the right types
 * @param old the definition before an update: its scope and kind are fixed once it is established
 * @throws ApiError 503 with retryAfterSeconds when it has CEL rules and their engine is not loaded yet
 */
export function validateCrd(crd: CustomResourceDefinition, old?: CustomResourceDefinition): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const spec: Partial<Spec> = crd.spec ?? {};
  const plural = spec.names?.plural ?? '';
  const group = spec.group ?? '';
  if (crd.metadata.name !== `${plural}.${group}`)
    problems.push(invalid('metadata.name', crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  checkGroup(group, problems);
  if ((spec.scope ?? '') === '') problems.push(required('spec.scope'));
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced')
    problems.push(notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']));
  checkNames(spec.names, problems);
  checkVersions(spec.versions ?? [], problems);
  if (spec.preserveUnknownFields === true)
    problems.push(
      invalid(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ),
    );
  const strategy = spec.conversion?.strategy;
  if (strategy !== undefined && strategy !== 'None' && strategy !== 'Webhook')
    problems.push(notSupported('spec.conversion.strategy', strategy, ['None', 'Webhook']));
  if (strategy === 'Webhook' && spec.conversion?.webhook?.clientConfig === undefined)
    problems.push(required('spec.conversion.webhook.clientConfig', 'required when strategy is set to Webhook'));
  checkStoredVersions(crd, problems);
  if (old !== undefined && isEstablished(old)) {
    if (spec.scope !== old.spec.scope) problems.push(invalid('spec.scope', spec.scope, IMMUTABLE));
    if (spec.names?.kind !== old.spec.names.kind)
      problems.push(invalid('spec.names.kind', spec.names?.kind, IMMUTABLE));
  }
  return problems;
}

const IMMUTABLE = 'field is immutable';

function isEstablished(crd: CustomResourceDefinition): boolean {
  return (crd.status?.conditions ?? []).some((one) => one.type === 'Established' && one.status === 'True');
}

/** Objects may still be stored in a version: it cannot be dropped. */
function checkStoredVersions(crd: CustomResourceDefinition, problems: FieldProblem[]): void {
  const names = new Set((crd.spec?.versions ?? []).map((version) => version.name));
  (crd.status?.storedVersions ?? []).forEach((version, index) => {
    if (names.has(version)) return;
    const detail =
      `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions ` +
      `until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`;
    problems.push(invalid(`status.storedVersions[${index}]`, version, detail));
  });
}

function checkGroup(group: string, problems: FieldProblem[]): void {
  if (group === '') {
    problems.push(required('spec.group'));
    return;
  }
  const wrong = dns1123Subdomain(group);
  problems.push(...wrong.map((detail) => invalid('spec.group', group, detail)));
  if (wrong.length === 0 && !group.includes('.'))
    problems.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
}

function checkNames(names: Partial<Spec['names']> | undefined, problems: FieldProblem[]): void {
  const check = (value: string, field: string, cased: boolean): void => {
    const path = `spec.names.${field}`;
    if (value === '') {
      problems.push(required(path));
      return;
    }
    const prefix = cased ? 'may have mixed case, but should otherwise match: ' : '';
    for (const detail of dns1035Label(cased ? value.toLowerCase() : value))
      problems.push(invalid(path, value, prefix + detail));
  };
  check(names?.plural ?? '', 'plural', false);
  check(names?.singular ?? '', 'singular', false);
  check(names?.kind ?? '', 'kind', true);
  check(names?.listKind ?? '', 'listKind', true);
  (names?.shortNames ?? []).forEach((name, index) => check(name, `shortNames[${index}]`, false));
  (names?.categories ?? []).forEach((name, index) => check(name, `categories[${index}]`, false));
  if ((names?.kind ?? '') !== '' && names?.kind === names?.listKind)
    problems.push(invalid('spec.names.listKind', names?.listKind, 'kind and listKind may not be the same'));
}

function checkVersions(versions: readonly Version[], problems: FieldProblem[]): void {
  const names = new Set<string>();
  versions.forEach((version, index) => {
    const path = `spec.versions[${index}]`;
    const name = version.name ?? '';
    for (const detail of dns1035Label(name)) problems.push(invalid(`${path}.name`, name, detail));
    if (names.has(name)) problems.push(duplicate(`${path}.name`, name));
    names.add(name);
    const schema = version.schema?.openAPIV3Schema as Schema | undefined;
    if (schema === undefined) problems.push(required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
    else {
      const before = problems.length;
      checkStructure(schema, `${path}.schema.openAPIV3Schema`, problems);
      // Only a schema that is structural has rules that can be found.
      if (problems.length === before)
        problems.push(...(ruleSetOf(schema)?.compile(`${path}.schema.openAPIV3Schema`) ?? []));
    }
    checkColumns(version, path, problems);
    checkScale(version, path, problems);
  });
  const shown = versions.map((version) => version.name);
  if (versions.filter((version) => version.storage).length !== 1)
    problems.push(invalid('spec.versions', shown, 'must have exactly one version marked as storage version'));
}

function checkColumns(version: Version, path: string, problems: FieldProblem[]): void {
  (version.additionalPrinterColumns ?? []).forEach((column, index) => {
    const at = `${path}.additionalPrinterColumns[${index}]`;
    if ((column.name ?? '') === '') problems.push(required(`${at}.name`));
    if ((column.type ?? '') === '') problems.push(required(`${at}.type`, `must be one of ${COLUMN_TYPES.join(',')}`));
    else if (!COLUMN_TYPES.includes(column.type))
      problems.push(invalid(`${at}.type`, column.type, `must be one of ${COLUMN_TYPES.join(',')}`));
    if ((column.format ?? '') !== '' && !COLUMN_FORMATS.includes(column.format ?? ''))
      problems.push(invalid(`${at}.format`, column.format, `must be one of ${COLUMN_FORMATS.join(',')}`));
    if ((column.jsonPath ?? '') === '') problems.push(required(`${at}.jsonPath`));
    else if (!column.jsonPath.startsWith('.'))
      problems.push(invalid(`${at}.jsonPath`, column.jsonPath, 'must be a simple json path starting with .'));
  });
}

function checkScale(version: Version, path: string, problems: FieldProblem[]): void {
  const scale = version.subresources?.scale;
  if (scale === undefined) return;
  for (const [field, below] of [
    ['specReplicasPath', '.spec'],
    ['statusReplicasPath', '.status'],
  ] as const) {
    const value = scale[field] ?? '';
    const at = `${path}.subresources.scale.${field}`;
    if (value === '') problems.push(required(at));
    else if (!value.startsWith(`${below}.`)) problems.push(invalid(at, value, `should be a json path under ${below}`));
  }
}
