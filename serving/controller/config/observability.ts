/** The part of config-observability that shapes Revisions and their pods. */
import { bool, text, type ConfigData } from './parse.ts';

export interface ObservabilityConfig {
  /** `${REVISION_UID}` is replaced; empty = no log URL. */
  readonly revisionUrlTemplate: string;
  readonly varLogCollection: boolean;
}

export function parseObservability(data: ConfigData): ObservabilityConfig {
  return {
    revisionUrlTemplate: text(data, '', 'logging.revision-url-template'),
    varLogCollection: bool(data, false, 'logging.enable-var-log-collection'),
  };
}
