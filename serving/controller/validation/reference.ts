/** A reference to an object of the same namespace. */
import { invalidValue, missingField, type FieldError } from '../../../api/field-error.ts';
import { onlyAllows } from './fields.ts';
import { dns1123Label, identifier, qualifiedName } from './names.ts';

interface Reference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
}

/** Paths start at the reference; fields that would lead elsewhere are not allowed. */
export function disallowedInReference(reference: Reference | undefined): FieldError[] {
  const { apiVersion = '', kind = '', name = '' } = reference ?? {};
  return [
    ...onlyAllows(reference, ['apiVersion', 'kind', 'name']),
    ...named(apiVersion, 'apiVersion', qualifiedName),
    ...named(kind, 'kind', identifier),
    ...named(name, 'name', dns1123Label),
  ];
}

function named(value: string, field: string, problems: (value: string) => string[]): FieldError[] {
  if (value === '') return [missingField(field)];
  const found = problems(value);
  return found.length === 0 ? [] : [invalidValue(found.join(', '), field)];
}
