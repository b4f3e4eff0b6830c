/** Label selectors in ConfigMaps. Source: Kubernetes "Labels and Selectors", resources that support set-based requirements. */
import type { LabelSelector } from '../../../kube/label-selector.ts';
import { ConfigError, isRecord, notOfType, stringMap, yaml, type ConfigData } from './parse.ts';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** @returns undefined, which selects nothing, where the key is absent; an empty selector selects everything @throws ConfigError */
export function labelSelector(data: ConfigData, key: string): LabelSelector | undefined {
  const value = yaml(data, key);
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) throw notOfType(value, 'v1.LabelSelector');
  const { matchLabels, matchExpressions, ...unknown } = value;
  const labels = stringMap(matchLabels);
  const expressions = Array.isArray(matchExpressions ?? []) ? ((matchExpressions ?? []) as unknown[]) : undefined;
  const requirements = expressions?.map(requirement);
  // An unknown key would leave a selector of everything; Knative lets it pass.
  if (Object.keys(unknown).length > 0 || labels === undefined || requirements?.every(isDefined) !== true)
    throw new ConfigError(`failed to parse "${key}": expected a label selector`);
  return { matchLabels: labels, matchExpressions: requirements.filter(isDefined) };
}

function requirement(value: unknown): NonNullable<LabelSelector['matchExpressions']>[number] | undefined {
  if (!isRecord(value)) return undefined;
  const { key, values = [] } = value;
  const operator = OPERATORS.find((one) => one === value['operator']);
  if (typeof key !== 'string' || operator === undefined || !Array.isArray(values)) return undefined;
  if (!values.every((one): one is string => typeof one === 'string')) return undefined;
  const takesValues = operator === 'In' || operator === 'NotIn';
  return takesValues === values.length > 0 ? { key, operator, values } : undefined;
}

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined;
}
