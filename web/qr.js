// A QR code (ISO/IEC 18004, model 2) of a short text as SVG: byte mode, error correction L, version
// 1 to 10, the mask with the least penalty. For the second factor, so that no other site draws it.

import { svg } from "./icons.js";

// Of versions 1 to 10 at level L: codewords of data and of correction a block, blocks in two groups
// (ISO/IEC 18004:2015, table 9).
const SIZES = [[19, 7, 1, 0], [34, 10, 1, 0], [55, 15, 1, 0], [80, 20, 1, 0], [108, 26, 1, 0],
	[68, 18, 2, 0], [78, 20, 2, 0], [97, 24, 2, 0], [116, 30, 2, 0], [68, 18, 2, 2]];
const ALIGNED = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42],
	[6, 26, 46], [6, 28, 50]]; // annex E
const MASKS = [(r, c) => (r + c) % 2, (r) => r % 2, (_r, c) => c % 3, (r, c) => (r + c) % 3,
	(r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2, (r, c) => (r * c) % 2 + (r * c) % 3,
	(r, c) => ((r * c) % 2 + (r * c) % 3) % 2, (r, c) => ((r + c) % 2 + (r * c) % 3) % 2];

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) { // the field of 7.5.2, x^8 + x^4 + x^3 + x^2 + 1
	EXP[i] = x;
	EXP[i + 255] = x;
	LOG[x] = i;
	x = x & 128 ? (x << 1) ^ 0x11d : x << 1;
}
const times = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

/** Correction codewords of a block: the remainder by the generator polynomial. */
function correction(block, count) {
	let generator = [1];
	for (let i = 0; i < count; i++) {
		const next = new Array(generator.length + 1).fill(0);
		generator.forEach((g, j) => {
			next[j] ^= g;
			next[j + 1] ^= times(g, EXP[i]);
		});
		generator = next;
	}
	const rest = [...block, ...new Array(count).fill(0)];
	block.forEach((_b, i) => {
		const factor = rest[i];
		generator.forEach((g, j) => {
			rest[i + j] ^= times(g, factor);
		});
	});
	return rest.slice(block.length);
}

function capacity([data, , first, second]) {
	return data * first + (data + 1) * second;
}

/** The text as codewords, padded to what the version holds (7.4.10). */
function dataWords(bytes, version, total) {
	const bits = [];
	const put = (value, length) => {
		for (let i = length - 1; i >= 0; i--) {
			bits.push((value >> i) & 1);
		}
	};
	put(4, 4);
	put(bytes.length, version < 10 ? 8 : 16);
	bytes.forEach((b) => put(b, 8));
	put(0, Math.min(4, total * 8 - bits.length));
	put(0, (8 - (bits.length % 8)) % 8);
	const words = [];
	for (let i = 0; i < bits.length; i += 8) {
		words.push(parseInt(bits.slice(i, i + 8).join(""), 2));
	}
	for (let i = 0; words.length < total; i++) {
		words.push(i % 2 ? 0x11 : 0xec);
	}
	return words;
}

/** Blocks with their correction, interleaved (7.6). */
function codewords(words, [data, extra, first, second]) {
	const blocks = [];
	for (let i = 0, at = 0; i < first + second; i++) {
		const length = data + (i >= first ? 1 : 0);
		blocks.push(words.slice(at, at + length));
		at += length;
	}
	const corrected = blocks.map((b) => correction(b, extra));
	const out = [];
	for (let i = 0; i <= data; i++) {
		blocks.forEach((b) => i < b.length && out.push(b[i]));
	}
	for (let i = 0; i < extra; i++) {
		corrected.forEach((c) => out.push(c[i]));
	}
	return out;
}

/** Finders, timing, alignment; `null` is free for data. */
function frame(version) {
	const size = 17 + 4 * version;
	const grid = Array.from({ length: size }, () => new Array(size).fill(null));
	const square = (top, left, radius, dark) => {
		for (let r = -radius; r <= radius; r++) {
			for (let c = -radius; c <= radius; c++) {
				if (grid[top + r]?.[left + c] !== undefined) {
					grid[top + r][left + c] = dark(Math.max(Math.abs(r),
						Math.abs(c)));
				}
			}
		}
	};
	for (let i = 8; i < size - 8; i++) {
		grid[6][i] = grid[i][6] = i % 2 ? 0 : 1;
	}
	for (const [r, c] of [[3, 3], [3, size - 4], [size - 4, 3]]) {
		square(r, c, 4, (d) => (d === 2 || d === 4 ? 0 : 1));
	}
	const at = ALIGNED[version - 1];
	const last = at.at(-1);
	for (const r of at) {
		for (const c of at) {
			if (!(r === 6 && (c === 6 || c === last)) && !(c === 6 && r === last)) {
				square(r, c, 2, (d) => (d === 1 ? 0 : 1));
			}
		}
	}
	return grid;
}

/** The remainder of a BCH code (annexes C and D). */
function bch(value, generator, shift) {
	let rest = value << shift;
	const top = 31 - Math.clz32(generator);
	for (let i = 31 - Math.clz32(rest || 1); i >= top; i = 31 - Math.clz32(rest || 1)) {
		rest ^= generator << (i - top);
	}
	return (value << shift) | rest;
}

/** Format and version information; also keeps the place free before data is laid. */
function inform(grid, version, mask) {
	const size = grid.length;
	const format = bch((1 << 3) | mask, 0x537, 10) ^ 0x5412; // 01: level L
	for (let i = 0; i < 15; i++) {
		const bit = (format >> i) & 1;
		const [r, c] = i < 6 ? [i, 8] : i < 8 ? [i + 1, 8] : i === 8 ? [8, 7] : [8, 14 - i];
		grid[r][c] = bit;
		grid[i < 8 ? 8 : size - 15 + i][i < 8 ? size - 1 - i : 8] = bit;
	}
	grid[size - 8][8] = 1;
	const number = version < 7 ? 0 : bch(version, 0x1f25, 12);
	for (let i = 0; number && i < 18; i++) {
		const bit = (number >> i) & 1;
		const [a, b] = [Math.floor(i / 3), size - 11 + (i % 3)];
		grid[a][b] = grid[b][a] = bit;
	}
}

/** Lays the bits in columns of two, upwards and downwards (7.7.3). */
function lay(grid, words, mask) {
	const size = grid.length;
	let at = 0;
	const place = (r, c) => {
		if (grid[r][c] === null) {
			const bit = at < words.length * 8 ? (words[at >> 3] >> (7 - (at & 7))) & 1
				: 0;
			at++;
			grid[r][c] = bit ^ (MASKS[mask](r, c) === 0 ? 1 : 0);
		}
	};
	for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
		right -= right === 6 ? 1 : 0;
		for (let i = 0; i < size; i++) {
			const row = up ? size - 1 - i : i;
			place(row, right);
			place(row, right - 1);
		}
	}
}

function lineScore(line) {
	let score = 0;
	for (const run of line.match(/0+|1+/g)) {
		score += run.length >= 5 ? run.length - 2 : 0;
	}
	return score + 40 * (line.match(/(?=10111010000|00001011101)/g) || []).length;
}

/** How hard the picture would be to read (7.8.3). */
function penalty(grid) {
	const size = grid.length;
	const columns = grid.map((_r, c) => grid.map((row) => row[c]));
	let score = [...grid, ...columns].reduce((n, l) => n + lineScore(l.join("")), 0);
	for (let r = 0; r + 1 < size; r++) {
		for (let c = 0; c + 1 < size; c++) {
			const sum = grid[r][c] + grid[r][c + 1] + grid[r + 1][c]
				+ grid[r + 1][c + 1];
			score += sum % 4 === 0 ? 3 : 0;
		}
	}
	const dark = grid.flat().reduce((a, b) => a + b, 0) / size ** 2;
	return score + 10 * Math.floor(Math.abs(dark * 100 - 50) / 5);
}

/**
 * @param {string} text at most 271 bytes of UTF-8
 * @returns {number[][]} rows of 1 (dark) and 0; throws RangeError when the text is too long
 */
export function qrGrid(text) {
	const bytes = [...new TextEncoder().encode(text)];
	const version = 1 + SIZES.findIndex((s, i) =>
		bytes.length + (i + 1 < 10 ? 2 : 3) <= capacity(s));
	if (version === 0) {
		throw new RangeError("too long for a QR code of version 10");
	}
	const size = SIZES[version - 1];
	const words = codewords(dataWords(bytes, version, capacity(size)), size);
	const drawn = MASKS.map((_m, mask) => {
		const grid = frame(version);
		inform(grid, version, mask);
		lay(grid, words, mask);
		return grid;
	});
	return drawn.reduce((best, grid) => (penalty(grid) < penalty(best) ? grid : best));
}

/** The code as a picture with its quiet zone. @param {string} text @returns {SVGElement} */
export function qrPicture(text) {
	const grid = qrGrid(text);
	const size = grid.length + 8;
	const root = svg("svg", { viewBox: `0 0 ${size} ${size}`, role: "img",
		"aria-label": "QR code of the secret", "shape-rendering": "crispEdges" });
	const path = grid.flatMap((row, r) => row.map((dark, c) => (dark
		? `M${c + 4} ${r + 4}h1v1h-1z` : ""))).join("");
	root.append(svg("rect", { width: size, height: size, class: "qr-light" }),
		svg("path", { d: path, class: "qr-dark" }));
	return root;
}
