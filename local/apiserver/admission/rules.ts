/** Which webhooks a request may concern, by rules alone: what can be said before there is an object. */
import type { KindInfo } from '../registry.ts';
import type { Concern, HookRule, Operation } from './hook.ts';

export interface RequestKind {
  readonly info: KindInfo;
  readonly operation: Operation;
  readonly subresource: string | undefined;
  /** Undefined while only the kind is known: rules about single objects then match, too. */
  readonly name?: string;
}

/**
 * The kind a webhook is asked about: that of the request, or under `matchPolicy: Equivalent` another version of it.
 * @param equivalents other served versions of the same resource
 * @returns undefined when no rule matches
 */
export function ruledKind(
  { rules, exact }: Pick<Concern, 'rules' | 'exact'>,
  request: RequestKind,
  equivalents: readonly KindInfo[],
): KindInfo | undefined {
  const { info } = request;
  if (rules.some((rule) => covers(rule, info, request))) return info;
  if (exact) return undefined;
  for (const rule of rules) {
    const other = equivalents.find((one) => covers(rule, one, request));
    if (other !== undefined) return other;
  }
  return undefined;
}

function covers(rule: HookRule, { group, version, plural, namespaced }: KindInfo, request: RequestKind): boolean {
  if (rule.scope === 'Namespaced' && !namespaced) return false;
  if (rule.scope === 'Cluster' && namespaced) return false;
  if (!has(rule.operations, request.operation) || !has(rule.groups, group) || !has(rule.versions, version))
    return false;
  if (request.name !== undefined && rule.names.length > 0 && !rule.names.includes(request.name)) return false;
  const wanted = request.subresource ?? '';
  return rule.resources.some((pattern) => {
    const slash = pattern.indexOf('/');
    const resource = slash < 0 ? pattern : pattern.slice(0, slash);
    const subresource = slash < 0 ? '' : pattern.slice(slash + 1);
    return (resource === '*' || resource === plural) && (subresource === '*' || subresource === wanted);
  });
}

function has(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value);
}

/** Webhooks about webhooks could lock everybody out, so there are none. */
export function isExempt({ group, kind }: Pick<KindInfo, 'group' | 'kind'>): boolean {
  return group === 'admissionregistration.k8s.io' && EXEMPT.has(kind);
}

const EXEMPT: ReadonlySet<string> = new Set([
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]);
