/** config-observability: what shapes Revisions and their pods, and what the rest must satisfy. Reference section 5. */
import { formatDuration } from '../../../kube/go-duration.ts';
import { bool, ConfigError, duration, float, text, type ConfigData } from './parse.ts';
import { compileTemplate } from './template.ts';

export interface ObservabilityConfig {
  /** `${REVISION_UID}` is replaced; empty = no log URL. */
  readonly revisionUrlTemplate: string;
  readonly varLogCollection: boolean;
}

/** @throws ConfigError */
export function parseObservability(data: ConfigData): ObservabilityConfig {
  checkTracing(data);
  checkMetrics(data, '');
  checkRuntime(data);
  checkMetrics(data, 'request-');
  const varLogCollection = bool(data, false, 'logging.enable-var-log-collection');
  checkRequestLog(data);
  return { revisionUrlTemplate: text(data, '', 'logging.revision-url-template'), varLogCollection };
}

function checkTracing(data: ConfigData): void {
  const protocol = text(data, 'none', 'tracing-protocol');
  const endpoint = text(data, '', 'tracing-endpoint');
  const rate = float(data, 0, 'tracing-sampling-rate');
  if (protocol === 'grpc' || protocol === 'http/protobuf') {
    if (endpoint === '') throw new ConfigError(`endpoint should be set for protocol ${JSON.stringify(protocol)}`);
  } else if (protocol === 'none' || protocol === 'stdout') {
    if (endpoint !== '') throw new ConfigError("endpoint should not be set when protocol is 'none'");
  } else throw new ConfigError(`unsupported protocol ${JSON.stringify(protocol)}`);
  if (rate < 0) throw new ConfigError(`sampling rate ${rate.toFixed(6)} should be greater or equal to zero`);
  if (rate > 1) throw new ConfigError(`sampling rate ${rate.toFixed(6)} should be less than or equal to one`);
}

function checkMetrics(data: ConfigData, prefix: string): void {
  const protocol = text(data, 'none', `${prefix}metrics-protocol`);
  const endpoint = text(data, '', `${prefix}metrics-endpoint`);
  const interval = duration(data, 0, `${prefix}metrics-export-interval`);
  if (protocol === 'grpc' || protocol === 'http/protobuf') {
    if (endpoint === '') throw new ConfigError(`endpoint should be set when protocol is ${JSON.stringify(protocol)}`);
  } else if (protocol === 'none') {
    if (endpoint !== '')
      throw new ConfigError(`endpoint should not be set when protocol is ${JSON.stringify(protocol)}`);
  } else if (protocol !== 'prometheus') throw new ConfigError(`unsupported protocol ${JSON.stringify(protocol)}`);
  checkInterval(interval);
}

function checkRuntime(data: ConfigData): void {
  const profiling = text(data, 'disabled', 'runtime-profiling');
  const interval = duration(data, 15_000, 'runtime-export-interval');
  if (profiling !== 'enabled' && profiling !== 'disabled')
    throw new ConfigError(`unsupported profile setting ${JSON.stringify(profiling)}`);
  checkInterval(interval);
}

function checkInterval(interval: number): void {
  if (interval < 0) throw new ConfigError(`export interval "${formatDuration(interval)}" should be greater than zero`);
}

function checkRequestLog(data: ConfigData): void {
  const template = data['logging.request-log-template']?.trim();
  const enabled = bool(data, false, 'logging.enable-request-log');
  bool(data, false, 'logging.enable-probe-request-log');
  if (template === '' && enabled)
    throw new ConfigError(
      '"logging.enable-request-log" was set to true, but no "logging.request-log-template" was specified',
    );
  if (template !== undefined && template !== '') compileTemplate('requestLog', template);
}
