/** DomainMapping. Source: reference sections 1.6 and 1.9. */
import { disallowedFields, missingField, viaField, type FieldError } from '../../../api/field-error.ts';
import type { DomainMapping } from '../../../api/serving/domain-mapping.ts';
import { CLUSTER_DOMAIN } from '../../../api/zeroth.ts';
import { domainNameProblem } from '../route/domains.ts';
import { fieldError } from './fields.ts';
import { validateCreator } from './metadata.ts';

export function validateDomainMapping(mapping: DomainMapping, old: DomainMapping | undefined): FieldError[] {
  const { name = '', namespace, generateName = '' } = mapping.metadata;
  const errors: FieldError[] = [];
  if (generateName !== '') errors.push(disallowedFields('metadata.generateName'));
  const problem = domainNameProblem(name);
  if (problem !== undefined)
    errors.push(fieldError(`invalid name ${JSON.stringify(name)}: name: ${problem}`, ['metadata.name']));
  if (name.endsWith(`.${CLUSTER_DOMAIN}`))
    errors.push(
      fieldError(
        `invalid name ${JSON.stringify(name)}: must not be a subdomain of cluster local domain ${JSON.stringify(CLUSTER_DOMAIN)}`,
        ['metadata.name'],
      ),
    );
  if (old !== undefined) errors.push(...validateCreator(mapping, old));
  return [...errors, ...viaField('spec.ref', validateReference(mapping.spec?.ref ?? {}, namespace))];
}

function validateReference(ref: Partial<DomainMapping['spec']['ref']>, parent: string | undefined): FieldError[] {
  if (Object.keys(ref).length === 0) return [missingField('')];
  const errors = (['name', 'kind', 'apiVersion'] as const)
    .filter((field) => (ref[field] ?? '') === '')
    .map((field) => missingField(field));
  if ((ref.group ?? '') !== '') errors.push(disallowedFields('group'));
  if (ref.namespace !== undefined && parent !== undefined && ref.namespace !== parent)
    errors.push(
      fieldError(
        'mismatched namespaces',
        ['namespace'],
        `parent namespace: ${JSON.stringify(parent)} does not match ref: ${JSON.stringify(ref.namespace)}`,
      ),
    );
  return errors;
}
