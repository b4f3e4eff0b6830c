/** What can go wrong here beside the API server's own errors. */

/** A value of a ConfigMap that makes no sense. The message names the key. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

/** A message of an activator that does not have the documented form. */
export class ReportError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReportError';
  }
}

/** The scale target of a PodAutoscaler is of a kind that is not scaled here. */
export class ScaleTargetError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ScaleTargetError';
  }
}
