//! Components that are expensive to compile. Each is a plugin with one more core module, which nothing runs: it
//! passes the inspection of an upload, and it is compiled like all code of a component.

/// The plugin with one more module; its own code and hooks stay the same.
pub fn hide_in(plugin: &[u8], module: &[u8]) -> Vec<u8> {
    let mut component = plugin.to_vec();
    write_section(&mut component, CORE_MODULE, module);
    component
}

/// Many small, valid functions.
pub fn many_functions(count: u32) -> Vec<u8> {
    // fn(a) = a + a
    let body = [0, LOCAL_GET, 0, LOCAL_GET, 0, I32_ADD, END];
    module_of(&[1, FUNC, 1, I32, 1, I32], count, &body)
}

/// Functions of `depth` nested loops, the innermost of which changes all `locals`: each loop passes each local on, so
/// the compiler has `locals * depth` values at a time and allocates registers for all of them. One function has
/// `10 * locals + 8 * depth` bytes. With wasmtime 48:
///
/// | count, locals, depth | the compiler needs |
/// |---|---|
/// | 1, 1,000, 100 | 1 s of processor time |
/// | 1, 20,000, 20 | 51 s |
/// | 1, 30,000, 20 | more than 60 s, in less than 2 GiB |
/// | 1, 5,000, 1,000 | more than 2 GiB, after 4 s |
pub fn nested_loops(count: u32, locals: u32, depth: u32) -> Vec<u8> {
    let mut body = vec![1];
    write_u32(&mut body, locals);
    body.push(I32);
    (0..depth).for_each(|_| body.extend([LOOP, EMPTY]));
    for local in 0..locals {
        body.push(LOCAL_GET);
        write_u32(&mut body, local);
        body.push(LOCAL_GET);
        write_u32(&mut body, (local + 1) % locals);
        body.extend([I32_ADD, LOCAL_SET]);
        write_u32(&mut body, local);
    }
    (0..depth).for_each(|_| body.extend([LOCAL_GET, 0, BR_IF, 0, END]));
    body.push(END);
    module_of(&[1, FUNC, 0, 0], count, &body)
}

/// A memory that begins with `bytes` of data which do not compress.
pub fn data_segment(bytes: u32) -> Vec<u8> {
    let mut memory = vec![1, 0];
    write_u32(&mut memory, bytes.div_ceil(64 << 10));
    let mut data = vec![1, 0, I32_CONST, 0, END];
    write_u32(&mut data, bytes);
    // A multiplicative hash of the position: cheap, and every page is different.
    data.extend((0..bytes).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8));
    let mut module = MODULE.to_vec();
    write_section(&mut module, MEMORIES, &memory);
    write_section(&mut module, DATA, &data);
    module
}

const MODULE: &[u8] = b"\0asm\x01\0\0\0";

const CORE_MODULE: u8 = 1;
const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const MEMORIES: u8 = 5;
const CODE: u8 = 10;
const DATA: u8 = 11;

const FUNC: u8 = 0x60;
const I32: u8 = 0x7f;
const EMPTY: u8 = 0x40;
const LOOP: u8 = 0x03;
const END: u8 = 0x0b;
const BR_IF: u8 = 0x0d;
const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const I32_CONST: u8 = 0x41;
const I32_ADD: u8 = 0x6a;

/// `count` functions of one type and one body.
fn module_of(types: &[u8], count: u32, body: &[u8]) -> Vec<u8> {
    let mut functions = Vec::new();
    write_u32(&mut functions, count);
    functions.resize(functions.len() + count as usize, 0);
    let mut code = Vec::new();
    write_u32(&mut code, count);
    for _ in 0..count {
        write_u32(&mut code, body.len() as u32);
        code.extend(body);
    }
    let mut module = MODULE.to_vec();
    write_section(&mut module, TYPES, types);
    write_section(&mut module, FUNCTIONS, &functions);
    write_section(&mut module, CODE, &code);
    module
}

fn write_section(output: &mut Vec<u8>, id: u8, bytes: &[u8]) {
    output.push(id);
    write_u32(output, bytes.len() as u32);
    output.extend(bytes);
}

/// LEB128.
fn write_u32(output: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        output.push(value as u8 | 0x80);
        value >>= 7;
    }
    output.push(value as u8);
}
