/** Defaulting of Service, Configuration, Route and DomainMapping. Source: reference section 1.8. */
import type { ObjectMeta } from '../../../api/object.ts';
import type { Configuration, ConfigurationSpec, RevisionTemplate } from '../../../api/serving/configuration.ts';
import type { DomainMapping } from '../../../api/serving/domain-mapping.ts';
import type { Route, TrafficTarget } from '../../../api/serving/route.ts';
import type { Service } from '../../../api/serving/service.ts';
import type { ServingContext } from '../validation/context.ts';
import { isObject, listOf } from '../validation/fields.ts';
import { sameSpec } from '../validation/semantic.ts';
import { isOwned } from '../validation/serving.ts';
import { defaultRevisionSpec } from './revision.ts';
import { withUser } from './user.ts';

export function defaultService(service: Service, old: Service | undefined, context: ServingContext): Service {
  if (!isObject(service.spec)) return service;
  const traffic = listOf(service.spec.traffic);
  const spec = {
    ...defaultConfigurationSpec(service.spec, old?.spec, service.metadata, context),
    traffic: traffic.length === 0 ? [{ latestRevision: true, percent: 100 }] : traffic.map(defaultTarget),
  };
  return withUser({ ...service, spec }, old, context);
}

export function defaultConfiguration(
  configuration: Configuration,
  old: Configuration | undefined,
  context: ServingContext,
): Configuration {
  if (!isObject(configuration.spec)) return configuration;
  const spec = defaultConfigurationSpec(configuration.spec, old?.spec, configuration.metadata, context);
  const defaulted = { ...configuration, spec };
  return isOwned(configuration) ? defaulted : withUser(defaulted, old, context);
}

export function defaultRoute(route: Route, old: Route | undefined, context: ServingContext): Route {
  if (!isObject(route.spec)) return route;
  const traffic = listOf(route.spec.traffic);
  const defaulted =
    traffic.length === 0 ? route : { ...route, spec: { ...route.spec, traffic: traffic.map(defaultTarget) } };
  return isOwned(route) ? defaulted : withUser(defaulted, old, context);
}

export function defaultDomainMapping(
  mapping: DomainMapping,
  old: DomainMapping | undefined,
  context: ServingContext,
): DomainMapping {
  if (!isObject(mapping.spec) || !isObject(mapping.spec.ref)) return mapping;
  const { ref } = mapping.spec;
  const defaulted =
    (ref.namespace ?? '') !== ''
      ? mapping
      : { ...mapping, spec: { ...mapping.spec, ref: { ...ref, namespace: mapping.metadata.namespace } } };
  return withUser(defaulted, old, context);
}

/**
 * A template whose own name stays is not defaulted: a new default would be a change under the same name. But one that
 * says the same as before, only without what defaulting had filled in (as `kubectl apply` sends it), is the one before.
 */
function defaultConfigurationSpec<S extends ConfigurationSpec>(
  spec: S,
  old: ConfigurationSpec | undefined,
  parent: ObjectMeta,
  context: ServingContext,
): S {
  const template = spec.template ?? {};
  if (!isObject(template) || !isObject(template.spec ?? {})) return spec;
  const name = template.metadata?.name ?? '';
  const defaulted = (given: RevisionTemplate): RevisionTemplate => ({
    ...given,
    spec: defaultRevisionSpec(given.spec ?? {}, parent, context.operation === 'CREATE', context),
  });
  if (old !== undefined && name !== '' && name === old.template?.metadata?.name)
    return sameSpec(defaulted(template), defaulted(old.template)) ? { ...spec, template: old.template } : spec;
  return { ...spec, template: defaulted(template) };
}

function defaultTarget(target: TrafficTarget): TrafficTarget {
  if (!isObject(target)) return target;
  return {
    ...target,
    latestRevision: target.latestRevision ?? (target.revisionName ?? '') === '',
    percent: target.percent ?? 0,
  };
}
