import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { verifierPlan } from '../../session/plans.js';
import { type RoleArgs, runRole } from '../../session/role-run.js';

export function challengeStart(ctx: Context, args: RoleArgs): Promise<CommandResult> {
  return runRole(ctx, args, verifierPlan());
}

export function challengeOnce(ctx: Context, args: RoleArgs & { readonly timeout: number }): Promise<CommandResult> {
  return runRole(ctx, args, verifierPlan(), { timeoutMs: args.timeout * 1000 });
}
