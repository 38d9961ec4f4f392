import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { minerPlan } from '../../session/plans.js';
import { type RoleArgs, runRole } from '../../session/role-run.js';

export function mineStart(ctx: Context, args: RoleArgs): Promise<CommandResult> {
  return runRole(ctx, args, minerPlan());
}

export function mineOnce(ctx: Context, args: RoleArgs & { readonly timeout: number }): Promise<CommandResult> {
  return runRole(ctx, args, minerPlan(), { timeoutMs: args.timeout * 1000 });
}
