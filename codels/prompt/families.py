"""Every model family whose fill-in-the-middle template is written down, a row each, and `plain` for those without.

Markers are byte-exact: `｜` is U+FF5C and `▁` is U+2581. `tests/golden/<name>.txt` shows each row's prompts.
"""

from __future__ import annotations

from codels.prompt import Family, Plain, Slot

_P, _S, _FILES, _REPO, _PATH, _TEXT = Slot.PREFIX, Slot.SUFFIX, Slot.FILES, Slot.REPO, Slot.PATH, Slot.TEXT
_NEWLINE = Plain("\n")

_STARCODER_PSM = ("<fim_prefix>", _P, "<fim_suffix>", _S, "<fim_middle>")
_STARCODER_SPM = ("<fim_prefix>", "<fim_suffix>", _S, "<fim_middle>", _P)
_QWEN_PSM = ("<|fim_prefix|>", _P, "<|fim_suffix|>", _S, "<|fim_middle|>")
_QWEN_SPM = ("<|fim_prefix|>", "<|fim_suffix|>", _S, "<|fim_middle|>", _P)
_QWEN_HEAD = ("<|repo_name|>", _REPO, _NEWLINE, _FILES, "<|file_sep|>", _PATH, _NEWLINE)
_QWEN_FILE = ("<|file_sep|>", _PATH, _NEWLINE, _TEXT, _NEWLINE)
_REFACT_SPM = ("<fim_suffix>", _S, "<fim_prefix>", _P, "<fim_middle>")
_DEEPSEEK_PSM = ("<｜fim▁begin｜>", _P, "<｜fim▁hole｜>", _S, "<｜fim▁end｜>")
_DEEPSEEK_SPM = ("<｜fim▁begin｜>", "<｜fim▁hole｜>", _S, "<｜fim▁end｜>", _P)
_CODESTRAL_SPM = ("[SUFFIX]", Slot.JOINED_SUFFIX, "[PREFIX]", _P)

_ROWS = (
    Family(
        "plain",
        "no markers: the model continues the text before the caret and cannot see what follows",
        psm=(_P,),
    ),
    Family(
        "codels",
        "models/tiny/README.md",
        psm=_QWEN_PSM,
        spm=_QWEN_SPM,
        stop=("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>", "<|repo_name|>"),
        is_own=True,
    ),
    Family(
        "codellama",
        "meta-llama/codellama llama/tokenizer.py encode_infilling; its end <EOT> is not found by llama.cpp itself",
        psm=("▁<PRE>", _P, "▁<SUF>", Slot.JOINED_SUFFIX, "▁<MID>"),
        spm=("▁<PRE>", "▁<SUF>", Slot.JOINED_SUFFIX, "▁<MID>", _P),
        stop=("▁<EOT>",),
        bos=True,
    ),
    Family(
        "starcoder",
        "bigcode/starcoder model card; its metadata names one file, so there is no form for several",
        psm=_STARCODER_PSM,
        spm=_STARCODER_SPM,
        stop=("<|endoftext|>",),
    ),
    Family(
        "starcoder2",
        "bigcode-project/starcoder2 issue 21 (both orders); the current path stands after <fim_prefix>",
        psm=_STARCODER_PSM,
        spm=_STARCODER_SPM,
        repo_psm=(
            "<repo_name>", _REPO, _FILES, "<file_sep>",
            "<fim_prefix>", _PATH, _NEWLINE, _P, "<fim_suffix>", _S, "<fim_middle>",
        ),
        file=("<file_sep>", _PATH, _NEWLINE, _TEXT),
        stop=("<|endoftext|>", "<file_sep>"),
    ),
    Family(
        "santacoder",
        "bigcode/santacoder discussions 10 and 41: hyphens, not underscores",
        psm=("<fim-prefix>", _P, "<fim-suffix>", _S, "<fim-middle>"),
        stop=("<|endoftext|>", "<fim-pad>"),
    ),
    Family("refact", "smallcloudai/refact known_models.json, FIM-SPM", spm=_REFACT_SPM, stop=("<|endoftext|>",)),
    Family(
        "deepseek-coder",
        "deepseek-ai/DeepSeek-Coder README (base models only; suffix-first as tested by SAFIM)",
        psm=_DEEPSEEK_PSM,
        spm=_DEEPSEEK_SPM,
        repo_psm=(_FILES, Plain("#"), _PATH, _NEWLINE, *_DEEPSEEK_PSM),
        file=(Plain("#"), _PATH, _NEWLINE, _TEXT, Plain("\n\n")),
        stop=("<｜end▁of▁sentence｜>", "<|EOT|>"),
        bos=True,
    ),
    Family(
        "qwen2.5-coder",
        "QwenLM/Qwen2.5-Coder examples/Qwen2.5-Coder-fim.py and -repolevel-fim.py; no BOS; Qwen3-Coder alike",
        psm=_QWEN_PSM,
        repo_psm=(*_QWEN_HEAD, *_QWEN_PSM),
        file=_QWEN_FILE,
        stop=(
            "<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<|im_start|>", "<|im_end|>",
            "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|cursor|>",
        ),
    ),
    Family(
        "codeqwen1.5",
        "QwenLM/Qwen3-Coder issue 13: StarCoder's markers",
        psm=_STARCODER_PSM,
        stop=("<|endoftext|>",),
    ),
    Family(
        "codegemma",
        "ai.google.dev codegemma prompt structure; not the -it models",
        psm=_QWEN_PSM,
        repo_psm=(_FILES, _PATH, _NEWLINE, *_QWEN_PSM),
        file=(_PATH, _NEWLINE, _TEXT, "<|file_separator|>"),
        stop=("<|file_separator|>", "<eos>", "<end_of_turn>"),
        bos=True,
    ),
    Family(
        "codestral",
        "mistralai/mistral-common encode_fim; several files as in Continue: +++++ path",
        spm=_CODESTRAL_SPM,
        repo_spm=(
            "[SUFFIX]", Slot.JOINED_SUFFIX, "[PREFIX]", _FILES,
            Plain("+++++ "), _PATH, _NEWLINE, Slot.JOINED_PREFIX,
        ),
        file=(Plain("+++++ "), _PATH, _NEWLINE, _TEXT, Plain("\n\n")),
        stop=("</s>",),
        bos=True,
    ),
    Family(
        "granite",
        "ggml-org/llama.cpp pull request 12988 (code models and 3.3 base; 3.0 has no fill-in-the-middle)",
        psm=_STARCODER_PSM,
        stop=("<|end_of_text|>", "<|endoftext|>"),
    ),
    Family(
        "granite4",
        "ggml-org/llama.cpp vocabulary list",
        psm=_QWEN_PSM,
        stop=("<|end_of_text|>", "<|endoftext|>"),
    ),
    Family(
        "stable-code",
        "stabilityai/stable-code-3b model card: StarCoder's markers",
        psm=_STARCODER_PSM,
        stop=("<|endoftext|>",),
    ),
    Family(
        "seed-coder",
        "ByteDance Seed-Coder technical report: suffix-first only",
        spm=("<[fim-suffix]>", _S, "<[fim-prefix]>", _P, "<[fim-middle]>"),
        stop=("<[end▁of▁sentence]>",),
    ),
    Family(
        "mellum",
        "JetBrains/Mellum-4b-base model card",
        spm=_REFACT_SPM,
        repo_spm=(_FILES, "<filename>", _PATH, _NEWLINE, *_REFACT_SPM),
        file=("<filename>", _PATH, _NEWLINE, _TEXT, _NEWLINE),
        stop=("<|endoftext|>", "<filename>"),
    ),
    Family(
        "codegen2",
        "Salesforce/codegen2 model card",
        psm=(_P, "<mask_1>", _S, "<|endoftext|>", "<sep>", "<mask_1>"),
        stop=("<eom>", "<|endoftext|>"),
    ),
    Family(
        "codet5p",
        "Salesforce CodeT5+ 220M and 770M: the encoder reads this, the decoder answers after its opening marker",
        psm=(_P, "<extra_id_0>", _S),
        stop=("<extra_id_1>", "</s>"),
        opening="<extra_id_0>",
    ),
    Family(
        "incoder",
        "facebook/incoder model card",
        psm=(_P, "<|mask:0|>", _S, "<|mask:1|>", "<|mask:0|>"),
        stop=("<|endofmask|>",),
    ),
    Family(
        "codegeex4",
        "THUDM/CodeGeeX4 editor plug-ins, block mode; suffix-first",
        spm=(
            "<|user|>", Plain("\n###PATH:"), _PATH, Plain("\n###LANGUAGE:"), Slot.LANGUAGE, Plain("\n###MODE:BLOCK\n"),
            "<|code_suffix|>", _S, "<|code_prefix|>", _P, "<|code_middle|>", "<|assistant|>", _NEWLINE,
        ),
        stop=("<|endoftext|>", "<|user|>"),
    ),
    Family(
        "glm-4.5",
        "ggml-org/llama.cpp vocabulary list",
        psm=("<|code_prefix|>", _P, "<|code_suffix|>", _S, "<|code_middle|>"),
        stop=("<|endoftext|>", "<|user|>"),
    ),
    Family(
        "falcon-h1",
        "ggml-org/llama.cpp pull request 19249",
        psm=("<|prefix|>", _P, "<|suffix|>", _S, "<|middle|>"),
        stop=("<|endoftext|>",),
    ),
)  # fmt: skip

FAMILIES = {family.name: family for family in _ROWS}
