import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsInt, IsObject, Max, Min, ValidateNested } from 'class-validator';
import { IsName } from '../is-name.js';

// The limits keep every total, and the sum of many, far below 2^53, up to which JavaScript's integers are exact.
export const MAX_LINES = 100;
export const MAX_QUANTITY = 10_000;
export const MAX_UNIT_PRICE = 100_000_000;

export class PlaceOrderLine {
  @ApiProperty({ example: 'mug', minLength: 1, maxLength: 100 })
  @IsName()
  sku!: string;

  @ApiProperty({ example: 2, type: 'integer', minimum: 1, maximum: MAX_QUANTITY })
  @IsInt()
  @Min(1)
  @Max(MAX_QUANTITY)
  quantity!: number;

  @ApiProperty({ example: 500, type: 'integer', minimum: 0, maximum: MAX_UNIT_PRICE, description: 'In cents.' })
  @IsInt()
  @Min(0)
  @Max(MAX_UNIT_PRICE)
  unitPrice!: number;
}

export class PlaceOrder {
  @ApiProperty({ example: 'c1', minLength: 1, maxLength: 100 })
  @IsName()
  customerId!: string;

  @ApiProperty({ type: [PlaceOrderLine], minItems: 1, maxItems: MAX_LINES })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_LINES)
  @IsObject({ each: true }) // ValidateNested takes an array for a list of lines, and finds nothing wrong with an empty one
  @ValidateNested({ each: true })
  @Type(() => PlaceOrderLine)
  lines!: PlaceOrderLine[];
}
