/** Traffic of Routes and Services. Source: reference section 1.9. */
import {
  disallowedFields,
  invalidKeyName,
  invalidValue,
  missingOneOf,
  multipleOneOf,
  outOfBounds,
  viaField,
  type FieldError,
} from '../../../api/field-error.ts';
import type { TrafficTarget } from '../../../api/serving/route.ts';
import { fieldError, viaIndex } from './fields.ts';
import { dns1035Label, qualifiedName } from './names.ts';

/**
 * Paths start at `traffic`.
 * @param ofService the Configuration is given, and must not be named
 */
export function validateTraffic(targets: readonly TrafficTarget[], ofService: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const tags = new Map<string, number>();
  let sum = 0;
  targets.forEach((target, i) => {
    const { tag = '', percent = 0 } = target;
    errors.push(...viaIndex(i, validateTarget(target, ofService)));
    sum += percent;
    if (tag === '') return;
    const problems = dns1035Label(tag);
    if (problems.length > 0) errors.push(invalidValue(`not a DNS 1035 label: [${problems.join(' ')}]`, `tag[${i}]`));
    const before = tags.get(tag);
    if (before === undefined) tags.set(tag, i);
    else errors.push(fieldError(`Multiple definitions for ${JSON.stringify(tag)}`, [`[${i}].tag`, `[${before}].tag`]));
  });
  if (sum !== 100) errors.push(fieldError(`Traffic targets sum to ${sum}, want 100`, ['']));
  return viaField('traffic', errors);
}

function validateTarget(target: TrafficTarget, ofService: boolean): FieldError[] {
  const { revisionName = '', percent, url = '', tag = '' } = target;
  const errors = validateName(target, ofService);
  if (target.latestRevision !== undefined && target.latestRevision === (revisionName !== ''))
    errors.push(
      fieldError(
        `may not set revisionName ${JSON.stringify(revisionName)} when latestRevision is ${String(target.latestRevision)}`,
        ['latestRevision'],
      ),
    );
  if (percent !== undefined && (percent < 0 || percent > 100)) errors.push(outOfBounds(percent, 0, 100, 'percent'));
  // Twice for a target without a tag, where not even a status has one; merging shows it once.
  if (url !== '') errors.push(disallowedFields('url'), ...(tag === '' ? [disallowedFields('url')] : []));
  return errors;
}

function validateName({ revisionName = '', configurationName = '' }: TrafficTarget, ofService: boolean): FieldError[] {
  if (ofService && configurationName !== '') return [disallowedFields('configurationName')];
  if (revisionName !== '' && configurationName !== '') return [multipleOneOf('revisionName', 'configurationName')];
  if (revisionName !== '') return validateQualified(revisionName, 'revisionName');
  if (configurationName !== '') return validateQualified(configurationName, 'configurationName');
  return ofService ? [] : [missingOneOf('revisionName', 'configurationName')];
}

function validateQualified(name: string, path: string): FieldError[] {
  const problems = qualifiedName(name);
  return problems.length === 0 ? [] : [invalidKeyName(name, path, problems.join(', '))];
}
