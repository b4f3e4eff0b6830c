/**
 * Admission of Serving's kinds: defaulting, validation, and the checks of its ConfigMaps, as pure functions. Denials
 * read as those of Knative's webhooks do. Requests on subresources pass: statuses are the controllers' own.
 */
import { Metric, PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { ConfigMap } from '../../api/core.ts';
import { formatFieldErrors, type FieldError } from '../../api/field-error.ts';
import { Certificate } from '../../api/networking/certificate.ts';
import { Ingress } from '../../api/networking/ingress.ts';
import { ServerlessService } from '../../api/networking/serverless-service.ts';
import type { KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import { Configuration } from '../../api/serving/configuration.ts';
import { DomainMapping } from '../../api/serving/domain-mapping.ts';
import { Revision } from '../../api/serving/revision.ts';
import { Route } from '../../api/serving/route.ts';
import { Service } from '../../api/serving/service.ts';
import type { Admission, AdmissionVerdict } from '../../kube/admission.ts';
import { failure } from '../../kube/errors.ts';
import { COMPONENT, COMPONENT_LABEL, validateConfigMap } from './config/validate.ts';
import { defaultIngress, defaultPodAutoscaler } from './defaults/internal.ts';
import { defaultRevision } from './defaults/revision.ts';
import { defaultConfiguration, defaultDomainMapping, defaultRoute, defaultService } from './defaults/serving.ts';
import { servingContext, type ServingContext } from './validation/context.ts';
import { podDryRun } from './dry-run.ts';
import { validateDomainMapping } from './validation/domain-mapping.ts';
import { validateIngress } from './validation/ingress.ts';
import {
  validateCertificate,
  validateMetric,
  validatePodAutoscaler,
  validateServerlessService,
} from './validation/internal.ts';
import { validateRevision } from './validation/revision.ts';
import { validateConfiguration, validateRoute, validateService } from './validation/serving.ts';

const VALIDATION_WEBHOOK = 'validation.webhook.serving.knative.dev';
const CONFIG_WEBHOOK = 'config.webhook.serving.knative.dev';

interface Rules<T extends KubeObject> {
  readonly default?: (object: T, old: T | undefined, context: ServingContext) => T;
  readonly validate?: (object: T, old: T | undefined, context: ServingContext) => readonly FieldError[];
  /** The kind has a template, whose pod may be tried. */
  readonly dryRun?: true;
}

/** The server keeps admissions of many kinds in one list, and hands each only objects of its own. */
function admissionOf<T extends KubeObject>(type: ResourceType<T>, rules: Rules<T>): Admission {
  const admission: Admission<T> = {
    type,
    default: (object, old, context) =>
      context.subresource !== undefined || rules.default === undefined
        ? object
        : rules.default(object, old, servingContext(context)),
    validate: (object, old, context) =>
      context.subresource !== undefined || context.operation === 'DELETE' || rules.validate === undefined
        ? {}
        : verdict(rules.validate(object, old, servingContext(context))),
  };
  if (rules.dryRun === true)
    admission.question = (object, _, context) => {
      const tried = podDryRun(object, context);
      if (tried === undefined) return undefined;
      return async (api) => {
        const why = await tried(api);
        return why === undefined ? {} : { denied: denial(VALIDATION_WEBHOOK, `validation callback failed: ${why}`) };
      };
    };
  return admission as unknown as Admission;
}

function verdict(errors: readonly FieldError[]): AdmissionVerdict {
  const serious = errors.filter(({ level }) => level !== 'warning');
  const mild = errors.filter(({ level }) => level === 'warning');
  const warnings = mild.length === 0 ? undefined : formatFieldErrors(mild).split('\n');
  if (serious.length === 0) return { warnings };
  return { denied: denial(VALIDATION_WEBHOOK, `validation failed: ${formatFieldErrors(serious)}`), warnings };
}

function denial(webhook: string, why: string) {
  return failure(400, 'BadRequest', `admission webhook "${webhook}" denied the request: ${why}`);
}

export const servingAdmissions: readonly Admission[] = [
  admissionOf(Service, { default: defaultService, validate: validateService, dryRun: true }),
  admissionOf(Configuration, { default: defaultConfiguration, validate: validateConfiguration, dryRun: true }),
  admissionOf(Revision, { default: defaultRevision, validate: validateRevision }),
  admissionOf(Route, { default: defaultRoute, validate: validateRoute }),
  admissionOf(DomainMapping, { default: defaultDomainMapping, validate: validateDomainMapping }),
  admissionOf(PodAutoscaler, {
    default: (object, _, context) => defaultPodAutoscaler(object, context),
    validate: (object, _, context) => validatePodAutoscaler(object, context),
  }),
  admissionOf(Metric, { validate: (object, _, context) => validateMetric(object, context) }),
  admissionOf(Ingress, { default: defaultIngress, validate: validateIngress }),
  admissionOf(ServerlessService, { validate: validateServerlessService }),
  admissionOf(Certificate, { validate: validateCertificate }),
  {
    type: ConfigMap as unknown as ResourceType,
    validate: (object, _, context) => {
      const map = object as unknown as ConfigMap;
      if (context.operation === 'DELETE' || map.metadata.labels?.[COMPONENT_LABEL] !== COMPONENT) return {};
      const why = validateConfigMap(map);
      return why === undefined ? {} : { denied: denial(CONFIG_WEBHOOK, `validation failed: ${why}`) };
    },
  },
];
