//! candle's kernels for quantised tensors, left out.
//!
//! Gapwatch has no such tensors, but the linker would take their machine code in: 80 MB, and the CUDA runtime with it, which
//! would be wanted to start. The linker finds these functions first.

macro_rules! left_out {
    ($($name:ident)*) => {
        $(
            // SAFETY: the name is that of a function of candle's static library, which is not linked in then. No argument is
            // looked at, and nobody gets an answer.
            #[unsafe(no_mangle)]
            #[allow(non_snake_case)]
            extern "C" fn $name() {
                eprintln!("gapwatch: {} is for quantised tensors, which this build has none of", stringify!($name));
                std::process::abort()
            }
        )*
    };
}

left_out! {
    candle_launch_moe_align moe_gemm_wmma moe_gemm_gguf moe_gemm_gguf_prefill launch_mmvq_gguf_q4_0_bf16_plain
    launch_mmvq_gguf_q4_1_bf16_plain launch_mmvq_gguf_q5_0_bf16_plain launch_mmvq_gguf_q5_1_bf16_plain
    launch_mmvq_gguf_q8_0_bf16_plain launch_mmvq_gguf_q2_k_bf16_plain launch_mmvq_gguf_q3_k_bf16_plain
    launch_mmvq_gguf_q4_k_bf16_plain launch_mmvq_gguf_q5_k_bf16_plain launch_mmvq_gguf_q6_k_bf16_plain
    launch_mmvq_gguf_q4_0_f32_plain launch_mmvq_gguf_q4_1_f32_plain launch_mmvq_gguf_q5_0_f32_plain
    launch_mmvq_gguf_q5_1_f32_plain launch_mmvq_gguf_q8_0_f32_plain launch_mmvq_gguf_q2_k_f32_plain
    launch_mmvq_gguf_q3_k_f32_plain launch_mmvq_gguf_q4_k_f32_plain launch_mmvq_gguf_q5_k_f32_plain
    launch_mmvq_gguf_q6_k_f32_plain launch_mmvq_gguf_q4_0_f16_plain launch_mmvq_gguf_q4_1_f16_plain
    launch_mmvq_gguf_q5_0_f16_plain launch_mmvq_gguf_q5_1_f16_plain launch_mmvq_gguf_q8_0_f16_plain
    launch_mmvq_gguf_q2_k_f16_plain launch_mmvq_gguf_q3_k_f16_plain launch_mmvq_gguf_q4_k_f16_plain
    launch_mmvq_gguf_q5_k_f16_plain launch_mmvq_gguf_q6_k_f16_plain launch_mmvq_gguf_quantize_q8_1_bf16
    launch_mmvq_gguf_quantize_q8_1_f16 launch_mmvq_gguf_quantize_q8_1_f32 launch_mmq_quantize_q8_1_D4
    launch_mmq_quantize_q8_1_DS4 launch_mmq_quantize_q8_1_D2S6 launch_mmq_gguf_q4_0 launch_mmq_gguf_q4_1
    launch_mmq_gguf_q5_0 launch_mmq_gguf_q5_1 launch_mmq_gguf_q8_0 launch_mmq_gguf_q2_k launch_mmq_gguf_q3_k
    launch_mmq_gguf_q4_k launch_mmq_gguf_q5_k launch_mmq_gguf_q6_k
}
