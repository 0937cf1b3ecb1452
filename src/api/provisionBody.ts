import { z } from 'zod';
import { findTemplate, parameterFaults, type Template } from '../domain/templates/templates.ts';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import { invalidInput } from './problems.ts';
import { json, text } from './schemas.ts';

/** What a provisioning is asked for with, also beside a subscription. */
export const provisionBody = z.strictObject({
  template_code: text(100).optional().meta({ description: "The deployment's own where it is absent." }),
  template_version: z
    .int({ error: 'expected a whole number from 1' })
    .min(1)
    .max(1_000_000)
    .optional()
    .meta({ description: 'The newest where it is absent, or, with the own template, its own.' }),
  parameters: z
    .record(z.string().max(100), json)
    .default({})
    .meta({ description: 'What the template takes: `GET /api/v1/templates`.' }),
});
export type ProvisionBody = z.output<typeof provisionBody>;

/** What a body asks for, checked whole. @throws Problem 422 with every fault; Unprocessable `template_not_found` */
export function readProvision(
  body: ProvisionBody,
  deployment: Pick<CloudDeployment, 'templateCode' | 'templateVersion'>,
  at: string,
): Template & { readonly values: ProvisionBody['parameters'] } {
  const own = body.template_code === undefined || body.template_code === deployment.templateCode;
  const code = body.template_code ?? deployment.templateCode ?? undefined;
  if (code === undefined) {
    throw invalidInput([
      { pointer: `${at}/template_code`, detail: 'is required: the deployment names no template' },
    ]);
  }
  const version = body.template_version ?? (own ? (deployment.templateVersion ?? null) : null);
  const found = findTemplate(code, version);
  const faults = parameterFaults(found, body.parameters);
  if (faults.length > 0) {
    throw invalidInput(
      faults.map(({ pointer, detail }) => ({ pointer: `${at}/parameters${pointer}`, detail })),
    );
  }
  return { ...found, values: body.parameters };
}
