"""LLaVA conversations: one JSON list (haotian-liu/LLaVA, docs/Finetune_Custom_Data.md)."""

import json

import polars as pl


def llava(records: pl.DataFrame) -> str:
    """One conversation per record, in the records' order; one `<image>` per conversation.

    Args:
        records: the records table.
    """
    conversations = [
        {
            "id": row["record_id"],
            "image": row["image"],
            "conversations": [
                {"from": "human", "value": f"<image>\n{row['question']}"},
                {"from": "gpt", "value": row["answer"]},
            ],
        }
        for row in records.iter_rows(named=True)
    ]
    return json.dumps(conversations, ensure_ascii=False, indent=1) + "\n"
