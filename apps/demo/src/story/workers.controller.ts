import {
  ConflictException,
  Controller,
  Delete,
  HttpCode,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  UseGuards,
} from '@nestjs/common';
import { ApiConflictResponse, ApiForbiddenResponse, ApiNotFoundResponse, ApiTags } from '@nestjs/swagger';
import { ThisMachineGuard } from '../operations/this-machine.guard.js';
import { MOST_WORKERS, Workers } from './workers.js';

/** Starts and kills real processes. Only the demo's main process has it. */
@ApiTags('story')
@ApiForbiddenResponse({ description: 'Not from this machine.' })
@Controller('story/processes')
@UseGuards(ThisMachineGuard)
export class WorkersController {
  constructor(private readonly workers: Workers) {}

  @Post()
  @HttpCode(204)
  @ApiConflictResponse()
  start(): void {
    if (!this.workers.start()) throw new ConflictException(`There are ${MOST_WORKERS} already, or the demo stops.`);
  }

  /** As `kill -9`. */
  @Delete(':pid')
  @HttpCode(204)
  @ApiNotFoundResponse()
  kill(@Param('pid', ParseIntPipe) pid: number): void {
    if (!this.workers.kill(pid)) throw new NotFoundException(`No process ${pid} of this demo is running.`);
  }
}
