import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { proposerPlan } from '../../session/plans.js';
import { type RoleArgs, runRole } from '../../session/role-run.js';

export function aggregateStart(ctx: Context, args: RoleArgs): Promise<CommandResult> {
  return runRole(ctx, args, proposerPlan());
}

export function aggregateOnce(ctx: Context, args: RoleArgs & { readonly timeout: number }): Promise<CommandResult> {
  return runRole(ctx, args, proposerPlan(), { timeoutMs: args.timeout * 1000 });
}
