import {
  ConflictException,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  type MessageEvent,
  NotFoundException,
  Param,
  Post,
  Put,
  Sse,
} from '@nestjs/common';
import { ApiConflictResponse, ApiExcludeEndpoint, ApiNotFoundResponse, ApiTags } from '@nestjs/swagger';
import type { Observable } from 'rxjs';
import { DeliveriesService } from '../deliveries/deliveries.service.js';
import { codeOf } from './code.js';
import { CUSTOMERS } from './customers.js';
import { Load } from './load.js';
import { StoryFeed } from './story.feed.js';

/** What the page at `/` shows, and does beside placing orders. */
@ApiTags('story')
@Controller('story')
export class StoryController {
  constructor(
    private readonly feed: StoryFeed,
    private readonly deliveries: DeliveriesService,
    private readonly load: Load,
  ) {}

  /** Server-sent events: each is a `StoryState`. */
  @ApiExcludeEndpoint()
  @Sse('events')
  events(): Observable<MessageEvent> {
    return this.feed.events;
  }

  /** From now on, no delivery to this customer succeeds. */
  @Put('breakdowns/:customerId')
  @HttpCode(204)
  @ApiNotFoundResponse()
  break(@Param('customerId') customerId: string): Promise<void> {
    return this.deliveries.break(known(customerId));
  }

  @Delete('breakdowns/:customerId')
  @HttpCode(204)
  @ApiNotFoundResponse()
  mend(@Param('customerId') customerId: string): Promise<void> {
    return this.deliveries.mend(known(customerId));
  }

  /** Places 1,000 orders. */
  @Post('load')
  @HttpCode(204)
  @ApiConflictResponse({ description: 'They are being placed.' })
  startLoad(): void {
    if (!this.load.start()) throw new ConflictException('The orders of the last load are still being placed.');
  }

  /** A part of the source, as text. */
  @Get('code/:name')
  @Header('content-type', 'text/plain; charset=utf-8')
  @Header('x-content-type-options', 'nosniff')
  @ApiNotFoundResponse()
  code(@Param('name') name: string): string {
    const excerpt = codeOf(name);
    if (!excerpt) throw new NotFoundException(`There is no code called ${name}.`);
    return `${excerpt.path}, from line ${excerpt.line}\n\n${excerpt.text}\n`;
  }
}

function known(customerId: string): string {
  if (!CUSTOMERS.includes(customerId)) throw new NotFoundException(`The story has no customer ${customerId}.`);
  return customerId;
}
