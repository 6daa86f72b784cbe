/* Functions of PostgreSQL that may be called again when nobody knows whether they were: they change nothing.
 * A statement that calls any other may write, whatever its first word is. */
#include "adapters/postgres/postgres_int.h"

/* Words that stand before a parenthesis and call nothing, and types with a size. */
static const char words[] =
    " all and any array as asymmetric between bernoulli bit by case cast char character collate cross cube decimal "
    "distinct else escape except exists filter float from full group having ilike in inner integer intersect interval "
    "into is isnull join lateral left like limit materialized natural not notnull null numeric offset on only or order "
    "outer over partition precision range recursive returning right rollup row rows select sets similar some symmetric "
    "system then time timestamp timestamptz to union using values varbit varchar varying when where window with within "
    "zone ";

static const char functions[] =
    /* of rows and values */
    " coalesce greatest least nullif num_nonnulls num_nulls"
    /* aggregates and windows */
    " any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp cume_dist "
    "dense_rank every first_value grouping json_agg json_object_agg jsonb_agg jsonb_object_agg lag last_value lead max "
    "min mode nth_value ntile percent_rank percentile_cont percentile_disc range_agg range_intersect_agg rank "
    "regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy row_number stddev "
    "stddev_pop stddev_samp string_agg sum var_pop var_samp variance"
    /* numbers */
    " abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd "
    "degrees div erf erfc exp factorial floor gcd lcm ln log10 min_scale mod pi power radians random round scale "
    "sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket"
    /* texts and bytes */
    " ascii bit_count bit_length btrim char_length character_length chr concat concat_ws convert convert_from "
    "convert_to decode encode format get_bit get_byte initcap left length lower lpad ltrim md5 normalize "
    "octet_length overlay position quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like "
    "regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat "
    "replace reverse right rpad rtrim set_bit set_byte sha224 sha256 sha384 sha512 split_part starts_with "
    "string_to_array string_to_table strpos substr substring to_ascii to_hex translate trim unistr upper"
    /* times */
    " age clock_timestamp date_bin date_part date_trunc extract isfinite justify_days justify_hours "
    "justify_interval make_date make_interval make_time make_timestamp make_timestamptz now statement_timestamp "
    "timeofday timezone to_char to_date to_number to_timestamp transaction_timestamp"
    /* JSON */
    " array_to_json json_array_elements json_array_elements_text json_array_length json_build_array json_build_object "
    "json_each json_each_text json_extract_path json_extract_path_text json_object json_object_keys "
    "json_populate_record json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof "
    "jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object "
    "jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object "
    "jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array "
    "jsonb_path_query_first jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax "
    "jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb"
    /* arrays, sets and ranges */
    " array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position "
    "array_positions array_prepend array_remove array_replace array_to_string array_upper cardinality daterange "
    "generate_series generate_subscripts int4range int8range isempty lower_inc lower_inf numrange range_merge "
    "trim_array tsrange tstzrange unnest upper_inc upper_inf"
    /* searching texts */
    " numnode phraseto_tsquery plainto_tsquery querytree setweight strip to_tsquery to_tsvector ts_headline ts_rank "
    "ts_rank_cd tsvector_to_array array_to_tsvector websearch_to_tsquery"
    /* ids, addresses, the session */
    " abbrev broadcast current_database current_schema current_schemas current_setting family gen_random_uuid host "
    "hostmask masklen netmask network pg_backend_pid pg_column_size pg_database_size pg_relation_size "
    "pg_size_pretty pg_table_size pg_total_relation_size pg_typeof to_regclass version ";

static bool has_word(const char *list, struct hub_str word, bool quoted) {
    struct hub_str rest = hub_cstr(list), one;
    while (hub_str_split(&rest, ' ', &one))
        if (one.n && (quoted ? hub_str_eq(one, word) : hub_str_eq_nocase(one, word))) return true;
    return false;
}

bool hub_pg_is_harmless(struct hub_str name, bool quoted) {
    return has_word(functions, name, quoted) || (!quoted && has_word(words, name, false));
}

const char *hub_pg_harmless(void) { return functions; }
