/** Service, Configuration and Route as a whole. Source: reference sections 1.6 and 1.9. */
import { viaField, type FieldError } from '../../../api/field-error.ts';
import type { Configuration } from '../../../api/serving/configuration.ts';
import type { Route } from '../../../api/serving/route.ts';
import type { Service } from '../../../api/serving/service.ts';
import { SERVICE_LABEL } from '../keys.ts';
import type { ServingContext } from './context.ts';
import {
  validateCreator,
  validateNames,
  validateNoAutoscaling,
  validateParentLabel,
  validateRolloutDuration,
} from './metadata.ts';
import { validateNameChange, validateTemplate } from './revision.ts';
import { validateTraffic } from './traffic.ts';
import { listOf } from './fields.ts';

export function validateService(service: Service, old: Service | undefined, context: ServingContext): FieldError[] {
  const { metadata, spec } = service;
  return [
    ...validateNames(metadata),
    ...validateNoAutoscaling(metadata),
    ...validateRolloutDuration(metadata),
    ...viaField('spec.template', validateTemplate(spec?.template, metadata, context)),
    ...viaField('spec', validateTraffic(listOf(spec?.traffic), true)),
    ...(old === undefined ? [] : validateCreator(service, old)),
    ...(old === undefined ? [] : viaField('spec.template', validateNameChange(spec.template, old.spec.template))),
  ];
}

export function validateConfiguration(
  configuration: Configuration,
  old: Configuration | undefined,
  context: ServingContext,
): FieldError[] {
  const { metadata, spec } = configuration;
  return [
    ...validateNames(metadata),
    ...validateNoAutoscaling(metadata),
    ...validateParentLabel(metadata, SERVICE_LABEL, 'Service'),
    ...viaField('spec.template', validateTemplate(spec?.template, metadata, context)),
    ...(old === undefined || isOwned(configuration) ? [] : validateCreator(configuration, old)),
    ...(old === undefined ? [] : viaField('spec.template', validateNameChange(spec.template, old.spec.template))),
  ];
}

export function validateRoute(route: Route, old: Route | undefined): FieldError[] {
  const { metadata, spec } = route;
  return [
    ...validateNames(metadata),
    ...validateNoAutoscaling(metadata),
    ...validateParentLabel(metadata, SERVICE_LABEL, 'Service'),
    ...validateRolloutDuration(metadata),
    ...viaField('spec', validateTraffic(listOf(spec?.traffic), false)),
    ...(old === undefined || isOwned(route) ? [] : validateCreator(route, old)),
  ];
}

/** A child of a Service has its annotations from there. */
export function isOwned(object: Configuration | Route): boolean {
  return object.metadata.ownerReferences !== undefined;
}
