import type { CanActivate, ExecutionContext, ModuleMetadata, Type } from '@nestjs/common';
import { checkInteger, checkOption } from 'nestjs-turnpike/timing';
import type { Observable } from 'rxjs';

/** As `CanActivate.canActivate`. */
export type GuardFunction = (context: ExecutionContext) => boolean | Promise<boolean> | Observable<boolean>;

export interface DashboardOptions {
  /** Where it is served, below the app's global prefix. Default: `/turnpike`. */
  readonly path?: string;
  /**
   * Who may see and do what it offers: payloads, requeue, purge and release. A class is made by Nest, with what it injects.
   * It is asked for each request, before anything is answered. Default: only requests from this machine are answered.
   */
  readonly guard?: Type<CanActivate> | CanActivate | GuardFunction;
  /** The modules that export what a guard class injects. */
  readonly imports?: ModuleMetadata['imports'];
  /** How often numbers are taken while somebody looks, in ms; at least 200. Default: 1000. */
  readonly intervalMs?: number;
}

export interface ResolvedDashboardOptions {
  /** Without slashes at its ends. */
  readonly path: string;
  readonly guard: Type<CanActivate> | CanActivate | undefined;
  readonly imports: NonNullable<ModuleMetadata['imports']>;
  readonly intervalMs: number;
}

const SEGMENTS = /^\/?[\w.~-]+(\/[\w.~-]+)*\/?$/;

export function resolveDashboardOptions(options: DashboardOptions): ResolvedDashboardOptions {
  const { path = '/turnpike', guard, imports = [], intervalMs = 1000 } = options;
  checkOption('path', path, SEGMENTS.test(path), 'be a path of its own of letters, digits, ".", "_", "~" and "-"');
  checkInteger('intervalMs', intervalMs, 200);
  return Object.freeze({ path: path.replace(/^\/|\/$/g, ''), guard: asGuard(guard), imports, intervalMs });
}

function asGuard(guard: DashboardOptions['guard']): ResolvedDashboardOptions['guard'] {
  const ok = guard === undefined || typeof guard === 'function' || typeof guard?.canActivate === 'function';
  checkOption('guard', guard, ok, 'be a CanActivate class or instance, or a function');
  if (guard === undefined || isGuardClass(guard) || typeof guard === 'object') return guard;
  return { canActivate: guard };
}

function isGuardClass(guard: NonNullable<DashboardOptions['guard']>): guard is Type<CanActivate> {
  const prototype = typeof guard === 'function' ? (guard.prototype as Partial<CanActivate> | undefined) : undefined;
  return typeof prototype?.canActivate === 'function';
}
