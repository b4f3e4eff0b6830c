/** Ingress. Paths start at the object. Source: reference section 1.2. */
import { invalidValue, missingField, viaField, type FieldError } from '../../../api/field-error.ts';
import type { Ingress, IngressPath, IngressRule } from '../../../api/networking/ingress.ts';
import { fieldError, isEmpty, isGiven, listOf, viaFieldIndex } from './fields.ts';

type Split = IngressPath['splits'][number];
type Tls = NonNullable<Ingress['spec']['tls']>[number];

export function validateIngress({ metadata, spec }: Ingress): FieldError[] {
  if (isEmpty(spec)) return [missingField('spec')];
  const rules = listOf(spec.rules);
  const option: string = spec.httpOption ?? '';
  return viaField('spec', [
    ...(rules.length === 0 ? [missingField('rules')] : []),
    ...rules.flatMap((rule, i) => viaFieldIndex('rules', i, validateRule(rule, metadata.namespace))),
    ...listOf(spec.tls).flatMap((tls, i) => viaFieldIndex('tls', i, validateTls(tls))),
    ...(['', 'Enabled', 'Redirected'].includes(option) ? [] : [invalidValue(option, 'httpOption')]),
  ]);
}

function validateTls(tls: Tls): FieldError[] {
  if (isEmpty(tls)) return [missingField('')];
  return (['secretName', 'secretNamespace'] as const)
    .filter((field) => (tls[field] ?? '') === '')
    .map((field) => missingField(field));
}

function validateRule(rule: IngressRule, namespace: string | undefined): FieldError[] {
  if (isEmpty(rule)) return [missingField('')];
  if (!isGiven(rule.http)) return [missingField('http')];
  const paths = listOf(rule.http?.paths);
  if (paths.length === 0) return [missingField('http.paths')];
  return paths.flatMap((path, i) => viaFieldIndex('http.paths', i, validatePath(path, namespace)));
}

/** The first bad split of a path is the only one told. */
function validatePath(path: IngressPath, namespace: string | undefined): FieldError[] {
  if (isEmpty(path)) return [missingField('')];
  const splits = listOf(path.splits);
  if (splits.length === 0) return [missingField('splits')];
  for (const [i, split] of splits.entries()) {
    const errors = validateSplit(split, namespace);
    if (errors.length > 0) return viaFieldIndex('splits', i, errors);
  }
  const total = splits.reduce((sum, { percent = 0 }) => sum + percent, 0);
  return total === 100 || (splits.length === 1 && total === 0)
    ? []
    : [fieldError(`traffic split percentage must total to 100, but was ${total}`, ['splits'])];
}

function validateSplit(split: Split, namespace: string | undefined): FieldError[] {
  if (isEmpty(split)) return [missingField('')];
  const { percent = 0, serviceName = '', serviceNamespace = '', servicePort } = split;
  const errors: FieldError[] = percent < 0 || percent > 100 ? [invalidValue(percent, 'percent')] : [];
  const { percent: _, appendHeaders: __, ...backend } = split;
  if (isEmpty(backend)) return [...errors, missingField('')];
  if (serviceNamespace === '') errors.push(missingField('serviceNamespace'));
  else if (serviceNamespace !== namespace)
    errors.push(fieldError('service namespace must match ingress namespace', ['serviceNamespace']));
  if (serviceName === '') errors.push(missingField('serviceName'));
  if (!isGiven(servicePort) || servicePort === 0) errors.push(missingField('servicePort'));
  return errors;
}
