/** Label selectors in ConfigMaps. Source: Kubernetes "Labels and Selectors", resources that support set-based requirements. */
import { ConfigError, isRecord, notOfType, stringMap, yaml, type ConfigData } from './parse.ts';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

interface Requirement {
  readonly key: string;
  readonly operator: (typeof OPERATORS)[number];
  readonly values: readonly string[];
}

export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly Requirement[];
}

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

export function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>> = {}): boolean {
  if (selector === undefined) return false;
  return (
    Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value) &&
    selector.matchExpressions.every((one) => meets(one, labels[one.key]))
  );
}

function meets({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

function requirement(value: unknown): Requirement | undefined {
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
